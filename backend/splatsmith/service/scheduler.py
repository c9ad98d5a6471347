"""Runs queued jobs on a worker: starts it, sends one job at a time, restarts it when it dies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..contract.problems import Problem, SplatsmithError
from ..contract.protocol import JobKind, JobStatus
from ..contract.wire import JobSubmission, PreviewImage
from ..errors import to_problem
from ..worker.messages import (
    CancelJob,
    JobCancelled,
    JobFailed,
    JobProgress,
    JobSucceeded,
    Message,
    RunJob,
    WorkerReady,
)
from .artifacts import DataDirectory
from .change_notifier import ChangeNotifier
from .job_store import JobStore
from .process_identity import ProcessIdentity
from .runners import ProcessRunner, RunnerExited

log = logging.getLogger(__name__)

BUSY_POLL = 0.1  # seconds, of a running job's cancellation
# Seconds, of jobs that another process has queued or left behind; changes made in this process wake
# the thread at once.
IDLE_POLL = 1.0
RETRY_PAUSE = 2.0  # seconds


@dataclass(frozen=True)
class WorkerSpec:
    """A kind of worker process.

    job_kinds: what it can run.
    program: its module and arguments.
    keep_alive: keep the process while the queue is empty.
    cancel_timeout: seconds from a cancellation until the process is killed.
    """

    job_kinds: tuple[JobKind, ...]
    program: tuple[str, ...]
    keep_alive: bool
    cancel_timeout: float


@dataclass(frozen=True)
class WorkerStatus:
    """state: starting, idle, busy or stopped. device: the device's name once it is known.
    problem: why the scheduler cannot run jobs, while it cannot."""

    state: str = "stopped"
    device: str = ""
    problem: Problem | None = None


def compute_worker(device: str) -> WorkerSpec:
    """The worker for generate and extract jobs on `device`; kept alive with its engine loaded."""
    program = ("splatsmith.worker", "--device", device)
    return WorkerSpec((JobKind.GENERATE, JobKind.EXTRACT), program, True, cancel_timeout=10.0)


def download_worker() -> WorkerSpec:
    """The worker for jobs about checkpoints; may be killed at any moment without a loss."""
    program = ("splatsmith.worker.downloader",)
    return WorkerSpec((JobKind.DOWNLOAD, JobKind.IMPORT), program, False, cancel_timeout=0.5)


def conversion_worker() -> WorkerSpec:
    """The worker for conversions of splat files; beside the other, as they need no device."""
    program = ("splatsmith.worker.format_converter",)
    return WorkerSpec((JobKind.CONVERT,), program, False, cancel_timeout=2.0)


class Scheduler:
    """Runs the jobs of one WorkerSpec, one at a time, in a thread of its own.

    The thread survives every error: it is logged and shown in `status`, and after a pause the
    thread goes on. `on_preview` is called with a job's id before the job's progress is stored.
    """

    def __init__(
        self,
        store: JobStore,
        files: DataDirectory,
        spec: WorkerSpec,
        notifier: ChangeNotifier,
        on_preview: Callable[[str, PreviewImage], None],
    ) -> None:
        self.status = WorkerStatus()
        self._store = store
        self._files = files
        self._spec = spec
        self._notifier = notifier
        self._on_preview = on_preview
        self._owner = ProcessIdentity.of()
        self._worker: ProcessRunner | None = None
        self._should_start_worker = spec.keep_alive
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        notifier.subscribe(self._wake.set)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker; its job goes back to the queue. Returns when the thread has ended."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._run_next_job()
            except Exception as error:  # noqa: BLE001  whatever it is, the queue must go on
                self._on_error(error)
        if self._worker:
            self._worker.stop()
        self._set_status(state="stopped")

    def _run_next_job(self) -> None:
        """Run the next job, or wait for a change."""
        self._poll_idle_worker()
        self._store.requeue_orphans(self._owner, self._spec.job_kinds)
        has_queued = self._store.has_queued(self._spec.job_kinds)
        if self._worker is None and (has_queued or self._should_start_worker):
            self._start_worker()  # before a job is claimed: if it fails, the job stays queued
        job = self._store.claim(self._owner, self._spec.job_kinds) if has_queued else None
        self._set_status(problem=None)
        if job:
            self._run_job(job)
            return
        if self._worker and not self._spec.keep_alive:
            self._reap()
        self._wake.wait(IDLE_POLL)
        self._wake.clear()

    def _on_error(self, error: Exception) -> None:
        """Report an error that is no job's, and pause."""
        problem = to_problem(error)
        if problem != self.status.problem:  # log once what lasts
            log.error("jobs cannot be run: %s", problem.detail, exc_info=error)
        self._kill_worker()  # its job's state is unknown
        self._set_status(problem=problem)
        self._stopping.wait(RETRY_PAUSE)

    def _start_worker(self) -> None:
        self._worker = ProcessRunner(self._spec.program, on_message=self._wake.set)
        self._should_start_worker = False
        self._set_status(state="starting")

    def _poll_idle_worker(self) -> None:
        """Handle the idle worker's messages: that it is ready, or has exited."""
        if self._worker is None:
            return
        try:
            while message := self._worker.receive(0):
                if isinstance(message, WorkerReady):
                    self._on_ready(message)
        except RunnerExited:
            log.warning("the idle worker ended: %s", self._worker.exit_error())
            self._reap()

    def _run_job(self, job: JobStatus) -> None:
        try:
            self._follow_job(job, self._run_message(job))
        except RunnerExited:
            self._on_exit(job)
        except (SplatsmithError, OSError) as error:
            self._fail(job, to_problem(error))

    def _run_message(self, job: JobStatus) -> RunJob:
        submission = JobSubmission(job.kind, job.request)
        folder = self._files.partial(job.id)
        return RunJob(job.id, submission, str(folder), str(self._files.uploads))

    def _follow_job(self, job: JobStatus, message: RunJob) -> None:
        """Send the job to the worker and handle its messages until the job ends.

        Raises:
            RunnerExited: the worker died or was killed.
        """
        worker = self._worker
        assert worker is not None
        worker.send(message)
        cancelled_at: float | None = None
        while not self._stopping.is_set():
            if self._handle_message(job, worker.receive(BUSY_POLL)):
                return
            if cancelled_at is None and not self._store.should_continue(job.id):
                cancelled_at = time.monotonic()
                worker.send(CancelJob(job.id))
            elif cancelled_at and time.monotonic() - cancelled_at > self._spec.cancel_timeout:
                log.warning("worker %d does not stop its job; killing it", worker.pid)
                worker.kill()
        self._kill_worker()
        self._store.requeue(job.id)

    def _handle_message(self, job: JobStatus, message: Message | None) -> bool:
        """Handle a message; True if the job has ended."""
        match message:
            case WorkerReady():
                self._on_ready(message)
                return False
            case JobProgress(fraction, stage, preview):
                self._set_status(state="busy")
                if preview:
                    self._on_preview(job.id, preview)
                self._store.update_progress(job.id, fraction, stage)
                return False
            case JobSucceeded(artifacts, notes):
                self._files.publish(job.id)
                if not self._store.succeed(job.id, artifacts, notes):
                    self._files.discard(job.id)  # it was deleted meanwhile
            case JobFailed(problem):
                self._fail(job, problem)
            case JobCancelled():
                self._mark_cancelled(job)
            case _:
                return False  # no message yet
        self._set_status(state="idle")
        return True

    def _on_exit(self, job: JobStatus) -> None:
        """Fail the exited worker's job, or requeue it if it was not begun."""
        assert self._worker is not None
        error, had_begun = self._worker.exit_error(), self.status.state != "idle"
        self._reap()
        if not self._store.should_continue(job.id):
            self._mark_cancelled(job)
        elif had_begun:
            self._fail(job, error.problem)
        else:
            self._store.requeue(job.id)
        self._should_start_worker = self._spec.keep_alive

    def _fail(self, job: JobStatus, problem: Problem) -> None:
        log.warning("job %s failed: %s", job.id, problem.sentence)
        self._files.discard(job.id)
        self._store.fail(job.id, problem)

    def _mark_cancelled(self, job: JobStatus) -> None:
        self._files.discard(job.id)
        self._store.mark_cancelled(job.id)

    def _on_ready(self, message: WorkerReady) -> None:
        self._set_status(state="idle", device=message.device_title)

    def _kill_worker(self) -> None:
        if self._worker:
            self._worker.kill()
        self._worker = None
        self._set_status(state="stopped")

    def _reap(self) -> None:
        assert self._worker is not None
        self._worker.stop()
        self._worker = None
        self._set_status(state="stopped")

    def _set_status(self, **changes: object) -> None:
        status = replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self._notifier.notify()
