"""The conversion worker: a process that converts splat files, and never loads torch.

Started by the service as `python -m splatsmith.worker.format_converter` while there are such jobs.
worker.messages is the protocol.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..contract.artifacts import converted_file
from ..contract.protocol import ConvertRequest
from ..contract.wire import AnyRequest
from ..files import upload_path
from ..formats.conversion import Conversion, convert
from ..progress import Progress
from .channel import open_channel, run_job
from .messages import RunJob, WorkerReady


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s converter %(name)s: %(message)s")
    channel = open_channel()
    channel.send(WorkerReady("", ""))
    while True:
        run_job(channel.jobs.get(), _execute, channel, lambda _error: None)


def _execute(request: AnyRequest, job: RunJob, progress: Progress) -> tuple[str, ...]:
    assert isinstance(request, ConvertRequest)
    conversion = Conversion(
        sources=tuple(upload_path(Path(job.uploads), cloud) for cloud in request.clouds),
        format=request.format,
        up=request.up,
        target_up=request.target_up,
        source_format=request.source_format,
    )
    return convert(conversion, Path(job.folder) / converted_file(request.format), progress)


if __name__ == "__main__":
    main()
