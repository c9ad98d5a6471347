"""A process that carries out jobs for the service: its end of the pipe between them.

Sends and receives worker.messages over standard input and output, logs to standard error, and ends
when its input does, which is when its service does, whatever the reason.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from ..contract.problems import Problem
from ..error_mapping import explain
from ..errors import Cancelled
from ..progress import Progress
from .artifacts import describe_artifacts
from .messages import (
    CancelJob,
    Failed,
    Finished,
    Message,
    Moved,
    RunJob,
    Stopped,
    decode,
    encode,
)

log = logging.getLogger(__name__)

REPORT_PAUSE = 0.05  # seconds between two reports of the same stage

Work = Callable[[RunJob, Progress], tuple[str, ...]]  # returns notes for the user


class Line:
    """The pipe to the service. Jobs come one at a time; cancellations at any time."""

    def __init__(self, incoming: TextIO, outgoing: TextIO) -> None:
        self.jobs: queue.SimpleQueue[RunJob] = queue.SimpleQueue()
        self._incoming = incoming
        self._outgoing = outgoing
        self._cancelled: set[str] = set()
        threading.Thread(target=self._listen, name="listener", daemon=True).start()

    def send(self, message: Message) -> None:
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def is_cancelled(self, job_id: str) -> bool:
        return job_id in self._cancelled

    def _listen(self) -> None:
        for text in self._incoming:
            message = decode(text)
            if isinstance(message, RunJob):
                self.jobs.put(message)
            elif isinstance(message, CancelJob):
                self._cancelled.add(message.id)
        # The service is gone. A computation under way cannot be unwound from here, and must not
        # outlive it; what it has written lies in the job's partial folder, which is swept.
        os._exit(0)


class Reporter:
    """Sends a job's progress, but no more often than anyone could look."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._last = ("", 0.0)

    def __call__(self, fraction: float, stage: str) -> None:
        last_stage, last_time = self._last
        now = time.monotonic()
        if stage != last_stage or now - last_time >= REPORT_PAUSE:
            self._last = (stage, now)
            self._line.send(Moved(fraction, stage))


def open_line() -> Line:
    """The pipe, from standard input and output: what else is printed, in C too, goes to the log."""
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return Line(sys.stdin, outgoing)


def carry_out(job: RunJob, work: Work, line: Line, on_fault: Callable[[Exception], None]) -> None:
    """Do `work` for `job` and tell of its end, whatever happens; `on_fault` hears of exceptions."""
    line.send(_outcome(job, work, line, on_fault))


def _outcome(job: RunJob, work: Work, line: Line, on_fault: Callable[[Exception], None]) -> Message:
    progress = Progress(Reporter(line), lambda: line.is_cancelled(job.id))
    try:
        progress.step(0, 1)
        notes = work(job, progress)
        progress.step(1, 1)
    except Cancelled:
        return Stopped()
    except Exception as fault:  # noqa: BLE001  every fault has to become a job's state
        log.exception("job %s failed", job.id)
        on_fault(fault)
        return Failed(_problem(fault))
    return Finished(describe_artifacts(Path(job.folder)), notes)


def _problem(fault: Exception) -> Problem:
    if known := explain(fault):
        return known.problem
    return Problem(
        "internal",
        "Something went wrong",
        f"The program has a fault: {type(fault).__name__}: {fault}.",
        "Please report it with the backend's log.",
        500,
    )
