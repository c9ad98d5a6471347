"""The worker process: runs generate and extract jobs, one after another.

Started by the service as `python -m splatsmith.worker`; worker.messages is the protocol.
"""

from __future__ import annotations

import argparse
import logging
import queue
from pathlib import Path

from ..contract.problems import SplatsmithError
from ..contract.protocol import (
    ConvertRequest,
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    ImportRequest,
)
from ..contract.wire import AnyRequest
from ..devices import AUTO, choose_device, device_title, use_all_cores
from ..errors import is_out_of_memory
from ..files import upload_path
from ..progress import Progress
from . import pipeline
from .channel import WorkerChannel, open_channel, run_job
from .engine_cache import EngineCache
from .messages import JobFailed, RunJob, WorkerReady

log = logging.getLogger(__name__)

WARM_UP_DELAY = 1.0  # seconds without a job


def main() -> None:
    options = argparse.ArgumentParser(prog="splatsmith.worker")
    options.add_argument("--device", default=AUTO)
    wanted = options.parse_args().device
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(name)s: %(message)s")
    channel = open_channel()
    try:
        device = choose_device(wanted)
    except SplatsmithError as error:
        channel.send(JobFailed(error.problem))
        return
    use_all_cores()
    channel.send(WorkerReady(device, device_title(device)))
    _serve(channel, EngineCache(device))


def _serve(channel: WorkerChannel, engine_cache: EngineCache) -> None:
    def execute(request: AnyRequest, job: RunJob, progress: Progress) -> tuple[str, ...]:
        return _execute(request, job, engine_cache, progress)

    def free_memory(error: Exception) -> None:
        if is_out_of_memory(error):
            engine_cache.clear()

    job = _first_job(channel, engine_cache)
    while True:
        run_job(job, execute, channel, free_memory)
        job = channel.jobs.get()


def _first_job(channel: WorkerChannel, engine_cache: EngineCache) -> RunJob:
    """Wait for the first job; load the built-in engine if none comes within WARM_UP_DELAY."""
    try:
        return channel.jobs.get(timeout=WARM_UP_DELAY)
    except queue.Empty:
        try:
            pipeline.warm_up(engine_cache)
        except SplatsmithError as error:
            log.warning("%s", error)  # a job that needs the engine reports it
        return channel.jobs.get()


def _execute(
    request: AnyRequest, job: RunJob, engine_cache: EngineCache, progress: Progress
) -> tuple[str, ...]:
    """Run a job; returns notes for the user, of the engine or of reading."""
    folder, uploads = Path(job.folder), Path(job.uploads)
    match request:
        case GenerateRequest():
            pictures = {role: upload_path(uploads, id) for role, id in request.pictures.items()}
            return pipeline.generate(request, pictures, folder, engine_cache, progress).notes
        case ExtractRequest():
            cloud = upload_path(uploads, request.cloud)
            return pipeline.extract(request, cloud, folder, engine_cache.device, progress)
        case DownloadRequest() | ImportRequest() | ConvertRequest():
            raise TypeError("other workers run jobs about checkpoints, and conversions")


if __name__ == "__main__":
    main()
