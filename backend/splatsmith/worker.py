"""The worker: a process of its own that carries out one job after another.

Started by the service as `python -m splatsmith.worker`; speaks splatsmith.messages over standard
input and output, logs to standard error, and ends when its input does, which is when its service
does, whatever the reason.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from . import pipeline
from .artifacts import describe_artifacts
from .contract.cards import Condition
from .contract.jsonable import from_json
from .contract.problems import Problem, SplatsmithError
from .contract.protocol import ExtractRequest, GenerateRequest, JobKind
from .devices import AUTO, choose_device, title_of_device, use_all_cores
from .errors import Cancelled
from .faults import explain, is_memory_fault
from .messages import (
    CancelJob,
    Failed,
    Finished,
    Message,
    Moved,
    Ready,
    RunJob,
    Stopped,
    decode,
    encode,
)
from .progress import Progress
from .shelf import EngineShelf

log = logging.getLogger(__name__)

REPORT_PAUSE = 0.05  # seconds between two reports of the same stage
SECONDS_UNTIL_REHEARSAL = 1.0


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


def main() -> None:
    options = argparse.ArgumentParser(prog="splatsmith.worker")
    options.add_argument("--device", default=AUTO)
    wanted = options.parse_args().device
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the service's to handle
    line = Line(sys.stdin, _take_standard_output())
    try:
        device = choose_device(wanted)
    except SplatsmithError as error:
        line.send(Failed(error.problem))
        return
    use_all_cores()
    line.send(Ready(device, title_of_device(device)))
    _serve(line, EngineShelf(device))


def _serve(line: Line, shelf: EngineShelf) -> None:
    job = _first_job(line, shelf)
    while True:
        line.send(_outcome(job, shelf, line))
        job = line.jobs.get()


def _first_job(line: Line, shelf: EngineShelf) -> RunJob:
    """If nobody is in a hurry, get ready for what most likely comes: the built-in engine."""
    try:
        return line.jobs.get(timeout=SECONDS_UNTIL_REHEARSAL)
    except queue.Empty:
        try:
            pipeline.rehearse(shelf)
        except SplatsmithError as error:
            log.warning("%s", error)  # the job that needs what is missing will say so
        return line.jobs.get()


def _take_standard_output() -> TextIO:
    """Keep standard output for messages; what else is printed, in C too, goes to the log."""
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return outgoing


def _outcome(job: RunJob, shelf: EngineShelf, line: Line) -> Message:
    """Carry out `job`, whatever happens: an exception becomes the message that tells of it."""
    progress = Progress(Reporter(line), lambda: line.is_cancelled(job.id))
    try:
        progress.step(0, 1)
        _carry_out(job, shelf, progress)
        progress.step(1, 1)
    except Cancelled:
        return Stopped()
    except Exception as fault:  # noqa: BLE001  every fault has to become a job's state
        log.exception("job %s failed", job.id)
        if is_memory_fault(fault):
            shelf.clear()
        return Failed(_problem(fault))
    return Finished(describe_artifacts(Path(job.folder)))


def _carry_out(job: RunJob, shelf: EngineShelf, progress: Progress) -> None:
    folder = Path(job.folder)
    if job.kind is JobKind.GENERATE:
        request = from_json(GenerateRequest, job.request)
        pictures = {Condition(role): Path(path) for role, path in job.inputs.items()}
        pipeline.generate(request, pictures, folder, shelf, progress)
    elif job.kind is JobKind.EXTRACT:
        extraction = from_json(ExtractRequest, job.request)
        pipeline.extract(extraction, Path(job.inputs["cloud"]), folder, shelf.device, progress)
    else:
        raise NotImplementedError(job.kind)


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


if __name__ == "__main__":
    main()
