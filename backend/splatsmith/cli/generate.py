"""splatsmith generate: one asset, made in this process."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..contract.batches import BatchItem, file_name
from ..contract.cards import PICTURE_CONDITIONS, ConditionKind
from ..contract.jsonable import to_json
from ..contract.problems import clean_text
from ..contract.protocol import Artifact, GenerateRequest
from ..worker.artifacts import read_notes
from .console import ConsoleOutput
from .local_runner import LocalRunner, prepare_generation
from .product_options import extraction_options


def run_generate(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Make the asset and list its files."""
    job = prepare_generation(request_of(options, _item_of(options)), _given_pictures(options))
    title = job.request.title
    folder: Path = options.out or Path(file_name(title))
    with console.progress(title) as report:
        artifacts = LocalRunner(options.device).run(job, folder, report)
    if options.json:
        console.print_json({"folder": str(folder), "artifacts": to_json(artifacts)})
    else:
        console.print_result("\n".join([artifact_lines(folder, artifacts), *read_notes(folder)]))
    return 0


def request_of(options: argparse.Namespace, item: BatchItem) -> GenerateRequest:
    """The request for one item, still without its pictures and unchecked.

    The item's own parameters come before those of the options.
    """
    return GenerateRequest(
        prompt=item.prompt,
        engine=options.engine,
        variant=options.variant,
        parameters={**options.parameters, **item.parameters},
        products=tuple(options.products),
        extraction=extraction_options(options),
        name=item.name,
        turntables=tuple(options.turntables),
        class_label=item.class_label,
    )


def _item_of(options: argparse.Namespace) -> BatchItem:
    name = options.name or (clean_text(options.image.stem) if options.image else "")
    return BatchItem(name, options.prompt, class_label=options.class_label)


def _given_pictures(options: argparse.Namespace) -> dict[ConditionKind, Path]:
    """The pictures and maps that were given, by their roles."""
    given = {role: getattr(options, role) for role in sorted(PICTURE_CONDITIONS)}
    return {role: path for role, path in given.items() if path}


def artifact_lines(folder: Path, artifacts: tuple[Artifact, ...]) -> str:
    """The artifacts with their sizes, a line each."""
    lines = (f"{folder / a.name}  {a.size_bytes / 1e6:.2f} MB" for a in artifacts)
    return "\n".join(lines)
