"""splatsmith extract: meshes and points from splat files of any origin."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..contract.artifacts import SPLATS
from ..contract.file_names import composed, distinct_names, path_title
from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest, clean_text
from ..contract.protocol import ExtractRequest
from ..contract.splat_folders import SPLAT_SUFFIXES, find_splats
from ..worker.artifacts import read_notes
from .batch_runner import BatchTask, run_batch_items
from .console import ConsoleOutput
from .generate import artifact_lines
from .local_runner import ExtractionJob, LocalRunner, prepare_extraction
from .product_options import extraction_options


def run_extract(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Extract from one file into --out, or from many into a folder each under it."""
    template = ExtractRequest(
        "", tuple(options.products), extraction_options(options), up=options.up
    )
    given: list[Path] = options.clouds
    if len(given) == 1 and not given[0].is_dir():
        return _extract_one(
            prepare_extraction(template, given[0], _name(given[0])), options, console
        )
    clouds = _all_clouds(given, console)
    names = distinct_names(_name(cloud) for cloud in clouds)
    tasks = [
        BatchTask(name, partial(prepare_extraction, template, cloud, name))
        for name, cloud in zip(names, clouds, strict=True)
    ]
    return run_batch_items(tasks, options, console)


def _extract_one(job: ExtractionJob, options: argparse.Namespace, console: ConsoleOutput) -> int:
    with console.progress(job.request.title) as report:
        artifacts = LocalRunner(options.device).run(job, options.out, report)
    if options.json:
        console.print_json({"folder": str(options.out), "artifacts": to_json(artifacts)})
    else:
        lines = [artifact_lines(options.out, artifacts), *read_notes(options.out)]
        console.print_result("\n".join(lines))
    return 0


def _all_clouds(given: Sequence[Path], console: ConsoleOutput) -> list[Path]:
    """The files, and those in the folders."""
    clouds: list[Path] = []
    for path in given:
        if not path.is_dir():
            clouds.append(path)
            continue
        found = find_splats(path)
        if not found.files:
            raise InvalidRequest(
                f"{path} holds no splat file.",
                f"They end in {' or '.join(SPLAT_SUFFIXES)}; name them or others.",
            )
        if found.note:
            console.print_status(clean_text(f"{path}: {found.note}"))
        clouds += found.files
    return clouds


def _name(cloud: Path) -> str:
    return composed(cloud.resolve().parent.name) if cloud.name == SPLATS else path_title(cloud)
