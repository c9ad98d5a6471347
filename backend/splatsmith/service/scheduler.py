"""Runs queued jobs on a worker: starts it, sends one job at a time, restarts it when it dies."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from dataclasses import dataclass

from ..contract.problems import Problem, SplatsmithError
from ..contract.protocol import JobKind, JobStatus
from ..contract.wire import JobSubmission
from ..errors import to_problem
from ..worker.messages import (
    CancelJob,
    JobCancelled,
    JobFailed,
    JobProgress,
    JobSucceeded,
    RunJob,
    WorkerReady,
)
from .artifacts import DataDirectory
from .job_store import JobStore
from .process_identity import ProcessIdentity
from .runners import ProcessRunner, RunnerExited

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.1  # seconds, of the queue, the worker and a job's cancellation
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


def compute_worker(device: str) -> WorkerSpec:
    """The worker for generate and extract jobs on `device`; kept alive with its engine loaded."""
    kinds = (JobKind.GENERATE, JobKind.EXTRACT)
    return WorkerSpec(
        kinds, ("splatsmith.worker", "--device", device), keep_alive=True, cancel_timeout=10.0
    )


def download_worker() -> WorkerSpec:
    """The worker for download jobs; may be killed at any moment without a loss."""
    return WorkerSpec(
        (JobKind.DOWNLOAD,), ("splatsmith.worker.downloader",), keep_alive=False, cancel_timeout=0.5
    )


class Scheduler:
    """Runs the jobs of one WorkerSpec, one at a time, in a thread of its own."""

    def __init__(self, store: JobStore, files: DataDirectory, spec: WorkerSpec) -> None:
        self.device = ""
        self.worker_state = "stopped"
        self._store = store
        self._files = files
        self._spec = spec
        self._owner = ProcessIdentity.of()
        self._worker: ProcessRunner | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker; its job goes back to the queue. Returns when the thread has ended."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        if self._spec.keep_alive:
            self._start_worker()
        while not self._stopping.is_set():
            try:
                self._run_next_job()
            except sqlite3.Error:
                log.exception("the job database cannot be used")
                self._kill_worker()  # its job's state is unknown
                self._stopping.wait(RETRY_PAUSE)
        if self._worker:
            self._worker.stop()
        self.worker_state = "stopped"

    def _run_next_job(self) -> None:
        self._poll_idle_worker()
        if job := self._store.claim(self._owner, self._spec.job_kinds):
            self._run_job(job)
        else:
            if self._worker and not self._spec.keep_alive:
                self._reap()
            self._stopping.wait(POLL_INTERVAL)

    def _start_worker(self) -> None:
        self.worker_state = "starting"
        self._worker = ProcessRunner(self._spec.program)

    def _poll_idle_worker(self) -> None:
        """Handle the idle worker's messages: that it is ready, or has exited."""
        if self._worker is None:
            return
        try:
            if isinstance(message := self._worker.receive(0), WorkerReady):
                self._on_ready(message)
        except RunnerExited:
            log.warning("the idle worker ended: %s", self._worker.exit_error())
            self._reap()

    def _run_job(self, job: JobStatus) -> None:
        try:
            task = self._run_message(job)
            if self._worker is None:
                self._start_worker()
            self._follow_job(job, task)
        except RunnerExited:
            self._on_exit(job)
        except (SplatsmithError, OSError) as error:
            self._fail(job, to_problem(error))

    def _run_message(self, job: JobStatus) -> RunJob:
        uploads = JobSubmission(job.kind, job.request).uploads()
        inputs = {role: str(self._files.upload(upload)) for role, upload in uploads.items()}
        return RunJob(job.id, job.kind, job.request, str(self._files.partial(job.id)), inputs)

    def _follow_job(self, job: JobStatus, task: RunJob) -> None:
        """Send the job to the worker and handle its messages until the job ends.

        Raises:
            RunnerExited: the worker died or was killed.
        """
        worker = self._worker
        assert worker is not None
        worker.send(task)
        cancelled_at: float | None = None
        while not self._stopping.is_set():
            if self._handle_message(job, worker.receive(POLL_INTERVAL)):
                return
            if cancelled_at is None and not self._store.should_continue(job.id):
                cancelled_at = time.monotonic()
                worker.send(CancelJob(job.id))
            elif cancelled_at and time.monotonic() - cancelled_at > self._spec.cancel_timeout:
                log.warning("worker %d does not stop its job; killing it", worker.pid)
                worker.kill()
        self._kill_worker()
        self._store.requeue(job.id)

    def _handle_message(self, job: JobStatus, message: object) -> bool:
        """Handle a message; True if the job has ended."""
        match message:
            case WorkerReady():
                self._on_ready(message)
                return False
            case JobProgress(fraction, stage):
                self.worker_state = "busy"
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
        self.worker_state = "idle"
        return True

    def _on_exit(self, job: JobStatus) -> None:
        """Fail the exited worker's job, or requeue it if it was not begun; restart the worker."""
        assert self._worker is not None
        error, had_begun = self._worker.exit_error(), self.worker_state != "idle"
        self._reap()
        if not self._store.should_continue(job.id):
            self._mark_cancelled(job)
        elif had_begun:
            self._fail(job, error.problem)
        else:
            self._store.requeue(job.id)
        if self._spec.keep_alive:
            self._start_worker()

    def _fail(self, job: JobStatus, problem: Problem) -> None:
        log.warning("job %s failed: %s", job.id, problem.sentence)
        self._files.discard(job.id)
        self._store.fail(job.id, problem)

    def _mark_cancelled(self, job: JobStatus) -> None:
        self._files.discard(job.id)
        self._store.mark_cancelled(job.id)

    def _on_ready(self, message: WorkerReady) -> None:
        self.device = message.device_title
        self.worker_state = "idle"

    def _kill_worker(self) -> None:
        if self._worker:
            self._worker.kill()
        self._worker = None
        self.worker_state = "stopped"

    def _reap(self) -> None:
        assert self._worker is not None
        self._worker.stop()
        self._worker = None
        self.worker_state = "stopped"
