"""The worker's end of the pipe to the service, and running one job over it.

worker.messages travel over standard input and output; the log goes to standard error. The process
exits when its input ends, which is when the service ends, for whatever reason.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from ..contract.wire import AnyRequest, PreviewImage
from ..errors import Cancelled, to_problem
from ..images import encode_preview
from ..progress import DrawPreview, Progress
from .artifacts import describe_artifacts
from .messages import (
    CancelJob,
    JobCancelled,
    JobFailed,
    JobProgress,
    JobSucceeded,
    Message,
    RunJob,
    decode,
    encode,
)

log = logging.getLogger(__name__)

REPORT_INTERVAL = 0.05  # seconds between two reports of the same stage
PREVIEW_INTERVAL = 0.25  # seconds between two previews: drawing one interrupts the computation

JobFunction = Callable[[AnyRequest, RunJob, Progress], tuple[str, ...]]
"""Runs a job, whose request is decoded; returns notes for the user."""


class WorkerChannel:
    """The pipe to the service: `jobs` receives one at a time, cancellations arrive at any time."""

    def __init__(self, incoming: TextIO, outgoing: TextIO) -> None:
        self.jobs: queue.SimpleQueue[RunJob] = queue.SimpleQueue()
        self._incoming = incoming
        self._outgoing = outgoing
        self._cancelled: set[str] = set()
        threading.Thread(target=self._read, name="channel-reader", daemon=True).start()

    def send(self, message: Message) -> None:
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def is_cancelled(self, job_id: str) -> bool:
        return job_id in self._cancelled

    def _read(self) -> None:
        for text in self._incoming:
            message = decode(text)
            if isinstance(message, RunJob):
                self.jobs.put(message)
            elif isinstance(message, CancelJob):
                self._cancelled.add(message.id)
        # The service is gone. A running computation cannot be unwound from this thread, and must
        # not outlive the service; its files are in the job's partial folder, which is removed.
        os._exit(0)


class ProgressReporter:
    """Sends a job's progress, at most once per REPORT_INTERVAL and stage.

    A preview is drawn and sent with it if none was within PREVIEW_INTERVAL.
    """

    def __init__(self, channel: WorkerChannel) -> None:
        self._channel = channel
        self._last = ("", 0.0)
        self._last_preview = 0.0
        self._draw: DrawPreview | None = None

    def __call__(self, fraction: float, stage: str) -> None:
        draw, self._draw = self._draw, None
        last_stage, last_time = self._last
        now = time.monotonic()
        if stage != last_stage or now - last_time >= REPORT_INTERVAL:
            self._last = (stage, now)
            self._channel.send(JobProgress(fraction, stage, self._preview(draw, now)))

    def offer_preview(self, draw: DrawPreview) -> None:
        """To be called before the report that it belongs to."""
        self._draw = draw

    def _preview(self, draw: DrawPreview | None, now: float) -> PreviewImage | None:
        if draw is None or now - self._last_preview < PREVIEW_INTERVAL:
            return None
        self._last_preview = now
        return encode_preview(draw())


def open_channel() -> WorkerChannel:
    """The pipe on standard input and output; other output to stdout, C's too, goes to stderr.

    From here on SIGINT and SIGTERM are ignored: both may be sent to the whole process group, and
    the service has to requeue the job first. This process ends when the service closes the pipe.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # the service blocked them until here
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return WorkerChannel(sys.stdin, outgoing)


def run_job(
    job: RunJob,
    function: JobFunction,
    channel: WorkerChannel,
    on_error: Callable[[Exception], None],
) -> None:
    """Call `function` for `job` and send how it ended; `on_error` is called with its exception."""
    channel.send(_final_message(job, function, channel, on_error))


def _final_message(
    job: RunJob,
    function: JobFunction,
    channel: WorkerChannel,
    on_error: Callable[[Exception], None],
) -> Message:
    reporter = ProgressReporter(channel)
    progress = Progress(
        reporter, lambda: channel.is_cancelled(job.id), offer_preview=reporter.offer_preview
    )
    try:
        progress.step(0, 1)
        notes = function(job.submission.decode(), job, progress)
        progress.step(1, 1)
    except Cancelled:
        return JobCancelled()
    except Exception as error:  # noqa: BLE001  every error has to become a job's state
        log.exception("job %s failed", job.id)
        on_error(error)
        return JobFailed(to_problem(error))
    return JobSucceeded(describe_artifacts(Path(job.folder)), notes)
