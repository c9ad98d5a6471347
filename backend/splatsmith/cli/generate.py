"""splatsmith generate: one asset, made in this process."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..contract.batches import file_name
from ..contract.cards import PICTURE_CONDITIONS, ConditionKind
from ..contract.jsonable import to_json
from ..contract.protocol import Artifact, GenerateRequest
from ..worker.artifacts import read_notes
from .console import ConsoleOutput
from .local_runner import LocalRunner, prepare_generation
from .product_options import extraction_options


def run_generate(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Make the asset and list its files."""
    request = request_of(options, options.prompt, options.name or _stem(options.image))
    job = prepare_generation(request, given_pictures(options))
    folder: Path = options.out or Path(file_name(request.title))
    with console.progress(request.title) as report:
        artifacts = LocalRunner(options.device).run(job, folder, report)
    if options.json:
        console.print_json({"folder": str(folder), "artifacts": to_json(artifacts)})
    else:
        console.print_result("\n".join([artifact_lines(folder, artifacts), *read_notes(folder)]))
    return 0


def request_of(options: argparse.Namespace, prompt: str, name: str) -> GenerateRequest:
    """The request of these options; its parameters are not checked yet."""
    return GenerateRequest(
        prompt=prompt,
        engine=options.engine,
        variant=options.variant,
        parameters=dict(options.parameters),
        products=tuple(options.products),
        extraction=extraction_options(options),
        name=name,
        turntables=tuple(options.turntables),
    )


def given_pictures(options: argparse.Namespace) -> dict[ConditionKind, Path]:
    """The pictures and maps that were given, by their roles."""
    given = {role: getattr(options, role) for role in sorted(PICTURE_CONDITIONS)}
    return {role: path for role, path in given.items() if path}


def artifact_lines(folder: Path, artifacts: tuple[Artifact, ...]) -> str:
    """The artifacts with their sizes, a line each."""
    lines = (f"{folder / a.name}  {a.size_bytes / 1e6:.2f} MB" for a in artifacts)
    return "\n".join(lines)


def _stem(image: Path | None) -> str:
    return image.stem if image else ""
