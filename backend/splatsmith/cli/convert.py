"""splatsmith convert: splat files of one format to another."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..contract.problems import InvalidRequest
from ..contract.splat_formats import SplatFormat, format_to_write
from ..errors import StorageFull
from ..formats.conversion import Conversion, convert
from ..progress import Progress
from .console import ConsoleOutput
from .local_runner import cancel_on_signal


def run_convert(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Convert all files but the last one into that."""
    *sources, target = options.files
    if not sources:
        raise InvalidRequest(
            "A conversion needs a file to read and one to write.", "Name both, in this order."
        )
    kind: SplatFormat = options.format or format_to_write(target.name)
    conversion = Conversion(tuple(sources), kind, options.up, options.out_up, options.source_format)
    _check_target(sources, target)
    with console.progress(target.name) as report, cancel_on_signal() as stop:
        notes = convert(conversion, target, Progress(report, stop.is_set))
    if options.json:
        size = target.stat().st_size
        result = {"file": str(target), "format": kind, "size_bytes": size, "notes": list(notes)}
        console.print_json(result)
    else:
        console.print_result("\n".join([str(target), *notes]))
    return 0


def _check_target(sources: list[Path], target: Path) -> None:
    if target.name.lower().endswith(".gltf"):
        raise InvalidRequest("glTF files are written as GLB.", "End the name in .glb.")
    if target.is_dir():
        raise InvalidRequest(f"{target} is a folder.", "Name a file.")
    for source in sources:
        inside = source.is_dir() and target.resolve().is_relative_to(source.resolve())
        if inside or (target.exists() and source.exists() and target.samefile(source)):
            raise InvalidRequest(
                f"{target} would be written over what is read.", "Choose another name."
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(
            f"{target.parent} cannot be made: {error.strerror}.", "Choose another folder."
        ) from error
