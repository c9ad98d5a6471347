"""The download worker: a process that fetches checkpoints, and never loads torch.

Started by the service as `python -m splatsmith.worker.downloader` while there are download jobs;
killed at any moment, it loses nothing that has arrived. worker.messages is the protocol.
"""

from __future__ import annotations

import logging

from ..contract.protocol import DownloadRequest
from ..contract.wire import AnyRequest
from ..engines import registry
from ..progress import Progress
from ..weights.download import download
from ..weights.hub import Hub
from .channel import open_channel, run_job
from .messages import RunJob, WorkerReady


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s downloader %(name)s: %(message)s")
    # httpx2 logs every request's URL, and the hub's storage URLs carry signatures.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    channel = open_channel()
    channel.send(WorkerReady("", ""))
    while True:
        run_job(channel.jobs.get(), _download, channel, lambda _error: None)


def _download(request: AnyRequest, _job: RunJob, progress: Progress) -> tuple[str, ...]:
    assert isinstance(request, DownloadRequest)
    variant = registry.card(request.engine).variant(request.variant)
    wanted = [c for c in variant.checkpoints if c.id in request.checkpoints]
    return download(wanted, Hub.of_environment(), progress)


if __name__ == "__main__":
    main()
