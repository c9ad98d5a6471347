"""Work on a thread that says how far it is and is cancelled."""

from __future__ import annotations

import threading

import pytest

from blender_addon.contract.cloud import OnProgress
from blender_addon.ui.cancellable_task import CancellableTask, TaskCancelled

pytestmark = pytest.mark.once


def test_a_task_ends_with_what_it_told_last() -> None:
    task = CancellableTask(lambda report: report(0.75))
    task.wait()
    assert task.share == 0.75
    assert not task.is_running


def test_a_cancelled_task_ends_at_its_next_report() -> None:
    reached, go_on = threading.Event(), threading.Event()
    behind: list[str] = []

    def work(report: OnProgress) -> None:
        report(0.5)
        reached.set()
        go_on.wait()
        report(0.6)
        behind.append("went on")

    task = CancellableTask(work)
    reached.wait()
    assert task.is_running and task.share == 0.5
    task.cancel()
    go_on.set()
    with pytest.raises(TaskCancelled):
        task.wait()
    assert not behind


def test_an_error_is_raised_where_the_task_is_waited_for() -> None:
    def work(_report: OnProgress) -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        CancellableTask(work).wait()
