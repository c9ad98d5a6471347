"""splatsmith batch: many assets, one folder each; goes on past failures, and where it stopped."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from ..contract.batches import BatchItem, file_name, read_batch
from ..contract.jsonable import to_json
from ..contract.problems import Problem, SplatsmithError
from ..faults import explain
from .generate import request_of
from .screen import Screen
from .workshop import Order, Workshop, new_order

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Outcome:
    """What became of an item: "made", "kept" from an earlier run, or "failed" and why."""

    name: str
    folder: str
    state: str
    problem: Problem | None = None


def run_batch(options: argparse.Namespace, screen: Screen) -> int:
    """Make every asset of the batch that is not there yet; writes a summary at the end."""
    items = read_batch(options.source)
    workshop = Workshop(options.device)
    outcomes: list[Outcome] = []
    try:
        for number, item in enumerate(items, start=1):
            title = f"{number}/{len(items)} {item.name}"
            outcomes.append(_make(item, options, workshop, screen, title))
            screen.say(_line(title, outcomes[-1]))
    finally:
        _summarize(outcomes, options.out)
    _conclude(outcomes, options, screen)
    return 1 if any(outcome.problem for outcome in outcomes) else 0


def _make(
    item: BatchItem,
    options: argparse.Namespace,
    workshop: Workshop,
    screen: Screen,
    title: str,
) -> Outcome:
    folder: Path = options.out / file_name(item.name)
    try:
        request = request_of(options, item.prompt, item.name)
        request.parameters.update(item.parameters)
        order = new_order(request, item.picture)
        if _is_there(folder, order):
            return Outcome(item.name, folder.name, "kept")
        with screen.progress(title) as report:
            workshop.make(order, folder, report)
    except (SplatsmithError, OSError, MemoryError, RuntimeError) as fault:
        known = explain(fault)
        if known is None:
            raise
        return Outcome(item.name, folder.name, "failed", known.problem)
    return Outcome(item.name, folder.name, "made")


def _is_there(folder: Path, order: Order) -> bool:
    """Whether the folder holds the results of this very request."""
    try:
        record = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return record.get("request") == to_json(order.request)


def _line(title: str, outcome: Outcome) -> str:
    reason = f": {outcome.problem.sentence}" if outcome.problem else ""
    return f"{title}: {outcome.state}{reason}"


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
