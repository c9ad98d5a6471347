"""The downloader: a process of its own that fetches checkpoints, and never loads torch.

Started by the service as `python -m splatsmith.worker.downloader` when there is something to fetch;
ended in the midst of it, it loses nothing that has arrived. worker.channel is their protocol.
"""

from __future__ import annotations

import logging
import signal

from ..contract.jsonable import from_json
from ..contract.protocol import DownloadRequest
from ..engines import registry
from ..progress import Progress
from ..weights.download import download
from ..weights.hub import Hub
from .channel import carry_out, open_line
from .messages import Ready, RunJob


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s downloader %(name)s: %(message)s")
    # The library for HTTP logs every request's address, and those of a store carry signatures.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the service's to handle
    line = open_line()
    line.send(Ready("", ""))
    while True:
        carry_out(line.jobs.get(), _download, line, lambda _fault: None)


def _download(job: RunJob, progress: Progress) -> tuple[str, ...]:
    request = from_json(DownloadRequest, job.request)
    variant = registry.card(request.engine).variant(request.variant)
    wanted = [c for c in variant.checkpoints if c.id in request.checkpoints]
    download(wanted, Hub.of_environment(), progress)
    return ()


if __name__ == "__main__":
    main()
