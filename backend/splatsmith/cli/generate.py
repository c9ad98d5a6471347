"""splatsmith generate: one asset, made in this process."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..contract.batches import BatchItem
from ..contract.cards import PICTURE_CONDITIONS, ConditionKind
from ..contract.file_names import file_name, path_title
from ..contract.jsonable import to_json
from ..contract.parameters import SAMPLE
from ..contract.protocol import Artifact, GenerateRequest
from ..worker.artifacts import read_notes
from .console import ConsoleOutput
from .local_runner import GenerationJob, LocalRunner, prepare_generation
from .product_options import extraction_options


def run_generate(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Make the asset, or each of its samples in a folder of its own, and list the files."""
    given = _given_pictures(options)
    requests = request_of(options, _item_of(options)).for_each_sample()
    jobs = [prepare_generation(request, given) for request in requests]
    runner = LocalRunner(options.device)
    results = [_run(job, options, runner, console) for job in jobs]
    if options.json:
        listed = [{"folder": str(f), "artifacts": to_json(artifacts)} for f, artifacts in results]
        console.print_json(listed[0] if len(listed) == 1 else {"samples": listed})
        return 0
    for folder, artifacts in results:
        lines = [artifact_lines(folder, artifacts), *read_notes(folder)]
        console.print_result("\n".join(lines))
    return 0


def _run(
    job: GenerationJob, options: argparse.Namespace, runner: LocalRunner, console: ConsoleOutput
) -> tuple[Path, tuple[Artifact, ...]]:
    """The folder, and what is in it."""
    title = job.request.title
    folder: Path = options.out or Path(file_name(title))
    if options.out and (sample := job.request.parameters.get(SAMPLE.name)):
        folder = folder / f"sample-{sample}"
    with console.progress(title) as report:
        return folder, runner.run(job, folder, report)


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
    name = options.name or (path_title(options.image) if options.image else "")
    return BatchItem(name, options.prompt, class_label=options.class_label)


def _given_pictures(options: argparse.Namespace) -> dict[ConditionKind, Path]:
    """The pictures and maps that were given, by their roles."""
    given = {role: getattr(options, role) for role in sorted(PICTURE_CONDITIONS)}
    return {role: path for role, path in given.items() if path}


def artifact_lines(folder: Path, artifacts: tuple[Artifact, ...]) -> str:
    """The artifacts with their sizes, a line each."""
    lines = (f"{folder / a.name}  {a.size_bytes / 1e6:.2f} MB" for a in artifacts)
    return "\n".join(lines)
