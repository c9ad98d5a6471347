"""The worker: a process of its own that carries out one job after another.

Started by the service as `python -m splatsmith.worker`; worker.channel is their protocol.
"""

from __future__ import annotations

import argparse
import logging
import queue
import signal
from pathlib import Path

from ..contract.cards import ConditionKind
from ..contract.jsonable import from_json
from ..contract.problems import SplatsmithError
from ..contract.protocol import ExtractRequest, GenerateRequest, JobKind
from ..devices import AUTO, choose_device, title_of_device, use_all_cores
from ..error_mapping import is_memory_fault
from ..progress import Progress
from . import pipeline
from .channel import Line, carry_out, open_line
from .engine_cache import EngineShelf
from .messages import Failed, Ready, RunJob

log = logging.getLogger(__name__)

SECONDS_UNTIL_REHEARSAL = 1.0


def main() -> None:
    options = argparse.ArgumentParser(prog="splatsmith.worker")
    options.add_argument("--device", default=AUTO)
    wanted = options.parse_args().device
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the service's to handle
    line = open_line()
    try:
        device = choose_device(wanted)
    except SplatsmithError as error:
        line.send(Failed(error.problem))
        return
    use_all_cores()
    line.send(Ready(device, title_of_device(device)))
    _serve(line, EngineShelf(device))


def _serve(line: Line, shelf: EngineShelf) -> None:
    def work(job: RunJob, progress: Progress) -> tuple[str, ...]:
        return _carry_out(job, shelf, progress)

    def make_room(fault: Exception) -> None:
        if is_memory_fault(fault):
            shelf.clear()

    job = _first_job(line, shelf)
    while True:
        carry_out(job, work, line, make_room)
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


def _carry_out(job: RunJob, shelf: EngineShelf, progress: Progress) -> tuple[str, ...]:
    """Returns what the engine has to say of its result."""
    folder = Path(job.folder)
    if job.kind is JobKind.GENERATE:
        request = from_json(GenerateRequest, job.request)
        pictures = {ConditionKind(role): Path(path) for role, path in job.inputs.items()}
        return pipeline.generate(request, pictures, folder, shelf, progress).notes
    if job.kind is JobKind.EXTRACT:
        extraction = from_json(ExtractRequest, job.request)
        pipeline.extract(extraction, Path(job.inputs["cloud"]), folder, shelf.device, progress)
        return ()
    raise NotImplementedError(job.kind)


if __name__ == "__main__":
    main()
