"""The download worker: a process that fetches and imports checkpoints, and never loads torch.

Started by the service as `python -m splatsmith.worker.downloader` while there are such jobs;
killed at any moment, it loses nothing that has arrived. worker.messages is the protocol.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..contract.protocol import DownloadRequest, ImportRequest
from ..contract.wire import AnyRequest
from ..engines import registry
from ..files import upload_path
from ..progress import Progress
from ..weights.download import download
from ..weights.hub import Hub
from ..weights.local_import import import_checkpoints
from .channel import open_channel, run_job
from .messages import RunJob, WorkerReady


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s downloader %(name)s: %(message)s")
    # httpx2 logs every request's URL, and the hub's storage URLs carry signatures.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    channel = open_channel()
    channel.send(WorkerReady("", ""))
    while True:
        run_job(channel.jobs.get(), _execute, channel, lambda _error: None)


def _execute(request: AnyRequest, job: RunJob, progress: Progress) -> tuple[str, ...]:
    assert isinstance(request, DownloadRequest | ImportRequest)
    known = registry.checkpoints()
    checkpoints = [known[name] for name in request.checkpoints]
    if isinstance(request, DownloadRequest):
        return download(checkpoints, Hub.of_environment(), progress)
    upload = upload_path(Path(job.uploads), request.upload)
    named = Path(job.folder) / request.file_name  # for messages
    named.hardlink_to(upload)
    try:
        result = import_checkpoints(named, checkpoints, False, progress, list(known.values()))
    finally:
        named.unlink()
    upload.unlink(missing_ok=True)
    return tuple(f"{each.title} was imported." for each in result.imported)


if __name__ == "__main__":
    main()
