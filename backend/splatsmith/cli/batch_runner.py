"""Batches: one folder an asset; continues past failures, and skips what an earlier run finished."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.file_names import file_name
from ..contract.job_records import read_record
from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest, Problem, SplatsmithError
from ..errors import to_user_error
from ..files import write_json
from ..worker.artifacts import read_notes
from .console import ConsoleOutput
from .local_runner import LocalJob, LocalRunner

SUMMARY = "summary.json"


@dataclass(frozen=True)
class BatchTask:
    """One asset to make. `prepare` checks its inputs, and raises as `LocalRunner.run` does."""

    name: str
    prepare: Callable[[], LocalJob]


@dataclass(frozen=True)
class BatchResult:
    """A finished item of the batch, as in summary.json.

    state: "made", "kept" from an earlier run, or "failed" with the `problem`.
    notes: for the user, of the engine or of reading.
    """

    name: str
    folder: str
    state: str
    problem: Problem | None = None
    notes: tuple[str, ...] = ()


def run_batch_items(
    tasks: Sequence[BatchTask], options: argparse.Namespace, console: ConsoleOutput
) -> int:
    """Make every asset that is not complete yet, under `options.out`, and write a summary.

    Returns the exit code.
    """
    runner = LocalRunner(options.device)
    results: list[BatchResult] = []
    try:
        for number, task in enumerate(tasks, start=1):
            title = f"{number}/{len(tasks)} {task.name}"
            results.append(_run_item(task, options.out, runner, console, title))
            console.print_status(_status_line(title, results[-1]))
    finally:
        _write_summary(results, options.out)
    _print_summary(results, options, console)
    return 1 if any(result.problem for result in results) else 0


def _run_item(
    task: BatchTask, out: Path, runner: LocalRunner, console: ConsoleOutput, title: str
) -> BatchResult:
    folder = out / file_name(task.name)
    try:
        job = task.prepare()
        if _is_complete(folder, job):
            return BatchResult(task.name, folder.name, "kept")
        with console.progress(title) as report:
            runner.run(job, folder, report)
    except (SplatsmithError, OSError, MemoryError, RuntimeError) as error:
        known = to_user_error(error)
        if known is None:
            raise
        return BatchResult(task.name, folder.name, "failed", known.problem)
    return BatchResult(task.name, folder.name, "made", notes=read_notes(folder))


def _is_complete(folder: Path, job: LocalJob) -> bool:
    """Whether the folder holds the results of this very request."""
    record = read_record(folder)
    try:
        # Decoded, because an older record lacks members that the request has by default.
        return record is not None and from_json(type(job.request), record["request"]) == job.request
    except InvalidRequest:
        return False


def _status_line(title: str, result: BatchResult) -> str:
    details = [result.problem.sentence] if result.problem else result.notes
    return ": ".join([title, result.state, *details])


def _write_summary(results: list[BatchResult], out: Path) -> None:
    write_json(out / SUMMARY, to_json(results))


def _print_summary(
    results: list[BatchResult], options: argparse.Namespace, console: ConsoleOutput
) -> None:
    if options.json:
        console.print_json(to_json(results))
        return
    states = [result.state for result in results]
    counts = ", ".join(f"{states.count(s)} {s}" for s in ("made", "kept", "failed"))
    console.print_result(f"{counts}; see {options.out / SUMMARY}")
