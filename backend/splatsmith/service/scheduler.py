"""The worker's life: started, given one job at a time, watched, replaced when it dies."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from dataclasses import dataclass

from ..contract.problems import Problem, SplatsmithError
from ..contract.protocol import JobKind, JobStatus
from ..contract.wire import JobOrder
from ..errors import to_user_error
from ..worker.messages import (
    CancelJob,
    JobCancelled,
    JobFailed,
    JobProgress,
    JobSucceeded,
    RunJob,
    WorkerReady,
)
from .artifacts import DataFolder
from .job_store import JobStore
from .process_identity import ProcessMark
from .runners import Exited, WorkerProcess

log = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks at the queue, the worker and a job's cancellation
PAUSE_AFTER_FAULT = 2.0


@dataclass(frozen=True)
class Role:
    """A kind of worker.

    kinds: the jobs that it takes.
    program: its module, and its arguments.
    is_kept: while there is nothing to do.
    grace: seconds that it has to stop a job before it is killed.
    """

    kinds: tuple[JobKind, ...]
    program: tuple[str, ...]
    is_kept: bool
    grace: float


def computing(device: str) -> Role:
    """The worker proper, on `device`: kept, because its engine is warm."""
    kinds = (JobKind.GENERATE, JobKind.EXTRACT)
    return Role(kinds, ("splatsmith.worker", "--device", device), is_kept=True, grace=10.0)


def downloading() -> Role:
    """The one that fetches checkpoints beside it: it may wait for a silent hub, and be killed
    without a loss."""
    return Role((JobKind.DOWNLOAD,), ("splatsmith.worker.downloader",), is_kept=False, grace=0.5)


class Supervisor:
    """Takes jobs of one role from the store, one at a time, in a thread of its own."""

    def __init__(self, store: JobStore, files: DataFolder, role: Role) -> None:
        self.device = ""
        self.worker_state = "stopped"
        self._store = store
        self._files = files
        self._role = role
        self._owner = ProcessMark.of()
        self._worker: WorkerProcess | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the worker; the job it has goes back to the queue. Returns when all is done."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        if self._role.is_kept:
            self._start_worker()
        while not self._stopping.is_set():
            try:
                self._take_a_job()
            except sqlite3.Error:
                log.exception("the list of jobs cannot be used")
                self._kill_worker()  # it may be on a job that is now in doubt
                self._stopping.wait(PAUSE_AFTER_FAULT)
        if self._worker:
            self._worker.end()
        self.worker_state = "stopped"

    def _take_a_job(self) -> None:
        self._notice_idle_worker()
        if job := self._store.claim(self._owner, self._role.kinds):
            self._carry_out(job)
        else:
            if self._worker and not self._role.is_kept:
                self._bury()
            self._stopping.wait(POLL)

    def _start_worker(self) -> None:
        self.worker_state = "starting"
        self._worker = WorkerProcess(self._role.program)

    def _notice_idle_worker(self) -> None:
        """Hear that the worker is ready, or that it died with nothing to do."""
        if self._worker is None:
            return
        try:
            if isinstance(message := self._worker.receive(0), WorkerReady):
                self._welcome(message)
        except Exited:
            log.warning("the idle worker ended: %s", self._worker.reason())
            self._bury()

    def _carry_out(self, job: JobStatus) -> None:
        try:
            task = self._task(job)
            if self._worker is None:
                self._start_worker()
            self._watch(job, task)
        except Exited:
            self._mourn(job)
        except (SplatsmithError, OSError) as error:
            self._fail(job, _problem(error))

    def _task(self, job: JobStatus) -> RunJob:
        uploads = JobOrder(job.kind, job.request).uploads()
        inputs = {role: str(self._files.upload(upload)) for role, upload in uploads.items()}
        return RunJob(job.id, job.kind, job.request, str(self._files.partial(job.id)), inputs)

    def _watch(self, job: JobStatus, task: RunJob) -> None:
        """Give the worker its task and follow it to the end.

        Raises:
            Exited: the worker died or had to be killed.
        """
        worker = self._worker
        assert worker is not None
        worker.send(task)
        asked_to_stop: float | None = None
        while not self._stopping.is_set():
            if self._heard_the_end(job, worker.receive(POLL)):
                return
            if asked_to_stop is None and not self._store.is_wanted(job.id):
                asked_to_stop = time.monotonic()
                worker.send(CancelJob(job.id))
            elif asked_to_stop and time.monotonic() - asked_to_stop > self._role.grace:
                log.warning("worker %d does not stop; killing it", worker.pid)
                worker.kill()
        self._kill_worker()
        self._store.give_back(job.id)

    def _heard_the_end(self, job: JobStatus, message: object) -> bool:
        """Take a message in; True if the job is over."""
        match message:
            case WorkerReady():
                self._welcome(message)
                return False
            case JobProgress(fraction, stage):
                self.worker_state = "busy"
                self._store.move(job.id, fraction, stage)
                return False
            case JobSucceeded(artifacts, notes):
                self._files.publish(job.id)
                if not self._store.succeed(job.id, artifacts, notes):
                    self._files.discard(job.id)  # it was deleted in its last moment
            case JobFailed(problem):
                self._fail(job, problem)
            case JobCancelled():
                self._cancelled(job)
            case _:
                return False  # nothing was said
        self.worker_state = "idle"
        return True

    def _mourn(self, job: JobStatus) -> None:
        """The worker died: end its job, or keep it if the worker had not begun; start another."""
        assert self._worker is not None
        reason, had_begun = self._worker.reason(), self.worker_state != "idle"
        self._bury()
        if not self._store.is_wanted(job.id):
            self._cancelled(job)
        elif had_begun:
            self._fail(job, reason.problem)
        else:
            self._store.give_back(job.id)
        if self._role.is_kept:
            self._start_worker()

    def _fail(self, job: JobStatus, problem: Problem) -> None:
        log.warning("job %s failed: %s", job.id, problem.sentence)
        self._files.discard(job.id)
        self._store.fail(job.id, problem)

    def _cancelled(self, job: JobStatus) -> None:
        self._files.discard(job.id)
        self._store.stop(job.id)

    def _welcome(self, message: WorkerReady) -> None:
        self.device = message.device_title
        self.worker_state = "idle"

    def _kill_worker(self) -> None:
        if self._worker:
            self._worker.kill()
        self._worker = None
        self.worker_state = "stopped"

    def _bury(self) -> None:
        assert self._worker is not None
        self._worker.end()
        self._worker = None
        self.worker_state = "stopped"


def _problem(error: Exception) -> Problem:
    if user_error := to_user_error(error):
        return user_error.problem
    return Problem(
        "internal", "Something went wrong", f"The service could not go on: {error}.", "Try again."
    )
