"""Many assets, one folder each; goes on past failures, and where it stopped."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.artifacts import JOB_RECORD
from ..contract.batches import file_name
from ..contract.jsonable import to_json
from ..contract.problems import Problem, SplatsmithError
from ..error_mapping import explain
from ..worker.artifacts import read_notes
from .console import Screen
from .local_runner import Order, Workshop

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Task:
    """One asset to make; `order` checks what it takes, and may fail as the making may."""

    name: str
    order: Callable[[], Order]


@dataclass(frozen=True)
class Outcome:
    """What became of a task: "made", "kept" from an earlier run, or "failed" and why.

    notes: what the engine had to say of the asset.
    """

    name: str
    folder: str
    state: str
    problem: Problem | None = None
    notes: tuple[str, ...] = ()


def make_each(tasks: Sequence[Task], options: argparse.Namespace, screen: Screen) -> int:
    """Make every asset that is not there yet, under `options.out`; writes a summary at the end.

    Returns the exit code.
    """
    workshop = Workshop(options.device)
    outcomes: list[Outcome] = []
    try:
        for number, task in enumerate(tasks, start=1):
            title = f"{number}/{len(tasks)} {task.name}"
            outcomes.append(_make(task, options.out, workshop, screen, title))
            screen.say(_line(title, outcomes[-1]))
    finally:
        _summarize(outcomes, options.out)
    _conclude(outcomes, options, screen)
    return 1 if any(outcome.problem for outcome in outcomes) else 0


def _make(task: Task, out: Path, workshop: Workshop, screen: Screen, title: str) -> Outcome:
    folder = out / file_name(task.name)
    try:
        order = task.order()
        if _is_there(folder, order):
            return Outcome(task.name, folder.name, "kept")
        with screen.progress(title) as report:
            workshop.make(order, folder, report)
    except (SplatsmithError, OSError, MemoryError, RuntimeError) as fault:
        known = explain(fault)
        if known is None:
            raise
        return Outcome(task.name, folder.name, "failed", known.problem)
    return Outcome(task.name, folder.name, "made", notes=read_notes(folder))


def _is_there(folder: Path, order: Order) -> bool:
    """Whether the folder holds the results of this very request."""
    try:
        record = json.loads((folder / JOB_RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return record.get("request") == to_json(order.request)


def _line(title: str, outcome: Outcome) -> str:
    said = [outcome.problem.sentence] if outcome.problem else outcome.notes
    return ": ".join([title, outcome.state, *said])


def _summarize(outcomes: list[Outcome], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    part = out / f".{SUMMARY}"
    text = json.dumps(to_json(outcomes), indent=2, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(out / SUMMARY)


def _conclude(outcomes: list[Outcome], options: argparse.Namespace, screen: Screen) -> None:
    if options.json:
        screen.show_json(to_json(outcomes))
        return
    states = [outcome.state for outcome in outcomes]
    counts = ", ".join(f"{states.count(s)} {s}" for s in ("made", "kept", "failed"))
    screen.show(f"{counts}; see {options.out / SUMMARY}")
