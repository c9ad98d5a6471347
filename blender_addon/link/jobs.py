"""The jobs that this Blender knows: its own and those of the service's list.

Thread safety: a `TrackedJob` is immutable, and `JobTracker` replaces it under one lock, whichever
thread reports a change: the main thread (submits, imports), the session's thread (uploads,
downloads) or the event stream's thread (progress).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Condition

from ..contract.problems import NotFound, Problem, SplatsmithError
from ..contract.protocol import JobState, JobStatus
from ..contract.wire import AnyRequest, PreviewImage
from .tracked_job import Plan, TrackedJob, listed_job


class JobTracker:
    """All jobs of this Blender and of its service's list."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._jobs: dict[str, TrackedJob] = {}  # by key
        self._keys: dict[str, str] = {}  # by the service's id, of submitted jobs
        self._ended: deque[str] = deque()  # keys of awaited jobs, until `take_ended`
        self._listing: tuple[TrackedJob, ...] | None = ()  # None: to be made anew

    @property
    def jobs(self) -> tuple[TrackedJob, ...]:
        """Newest first. The same object as long as nothing changes."""
        with self._changed:
            if self._listing is None:
                newest_first = sorted(self._jobs.values(), key=lambda job: -job.status.created)
                self._listing = tuple(newest_first)
            return self._listing

    @property
    def has_jobs_at_service(self) -> bool:
        """Whether the service has jobs that have not ended, this Blender's or others."""
        return any(job.is_submitted and not job.state.is_final for job in self.jobs)

    @property
    def drafts(self) -> tuple[TrackedJob, ...]:
        """Jobs that are still to be submitted, oldest first."""
        waiting = (job for job in self.jobs if not (job.is_submitted or job.state.is_final))
        return tuple(waiting)[::-1]

    @property
    def has_unfinished_jobs(self) -> bool:
        """Whether the service has jobs whose end is awaited here."""
        return any(j.is_submitted and j.is_awaited and not j.has_ended for j in self.jobs)

    def find(self, name: str) -> TrackedJob | None:
        """The job of that key or service's id."""
        with self._changed:
            return self._jobs.get(self._keys.get(name, name))

    def get(self, name: str) -> TrackedJob:
        """The job of that key or service's id.

        Raises:
            NotFound: there is none, or it was removed.
        """
        job = self.find(name)
        if job is None:
            raise NotFound("This job is not there any more.", "Order it again.")
        return job

    def wait(self, seconds: float) -> None:
        """Block until any job changes, at most `seconds`."""
        with self._changed:
            self._changed.wait(seconds)

    # What happens to a job, in this order

    def add(self, job: TrackedJob) -> None:
        """Track a new job."""
        with self._changed:
            self._put(job)

    def set_submitted(self, key: str, request: AnyRequest, status: JobStatus) -> None:
        """The service has taken the job, with `request` that names its uploads."""
        with self._changed:
            job = self._jobs.get(key)
            if job is None:  # removed in the meantime
                return
            early = self._jobs.pop(status.id, None)  # an event may be faster than the response
            self._keys[status.id] = key
            newest = status if early is None else early.status
            self._put(replace(job, request=request, status=newest, attachments=None))

    def observe(self, status: JobStatus, unfinished: PreviewImage | None = None) -> TrackedJob:
        """Take in a status of the service, and a picture of the unfinished result.

        Final ones stay as they are.
        """
        with self._changed:
            job = self._jobs.get(self._keys.get(status.id, ""))
            if job is None:
                self._keys[status.id] = status.id
                return self._put(listed_job(status))
            picture = None if status.state.is_final else unfinished or job.unfinished
            if job.status.state.is_final or (status, picture) == (job.status, job.unfinished):
                return job
            return self._put(replace(job, status=status, unfinished=picture))

    def set_cancelling(self, name: str) -> TrackedJob:
        """The user has cancelled the job.

        Raises:
            NotFound: see `get`.
        """
        with self._changed:
            return self._put(replace(self.get(name), is_cancelling=True))

    def set_stage(self, key: str, stage: str) -> None:
        """What a job that is not submitted waits for."""
        with self._changed:
            job = self._jobs.get(key)
            if job is not None and not job.is_submitted:
                self._put(replace(job, status=replace(job.status, stage=stage)))

    def set_cancelled(self, key: str) -> None:
        """A job that was not submitted never will be."""
        self._end_draft(key, JobState.CANCELLED)

    def set_failed(self, key: str, error: SplatsmithError) -> None:
        """The job could not be submitted, or its results not be downloaded."""
        if not self._end_draft(key, JobState.FAILED, error.problem):
            self._change(key, error=error)

    def set_results(self, key: str, folder: Path) -> None:
        """All artifacts of the job are in `folder`."""
        self._change(key, results=folder)

    def set_preview(self, key: str, preview: Path) -> None:
        self._change(key, preview=preview)

    def take_ended(self) -> list[TrackedJob]:
        """The awaited jobs that have ended since the last call.

        Those with results stay awaited until `set_imported` or `set_import_failed`.
        """
        with self._changed:
            ended = [self._jobs[key] for key in self._ended if key in self._jobs]
            self._ended.clear()
            for job in ended:
                if job.results is None:
                    self._put(replace(job, is_awaited=False))
            return ended

    def set_imported(self, key: str, asset: object) -> None:
        """The results are in the scene, as `asset`."""
        self._change(key, asset=asset, is_awaited=False)

    def set_import_failed(self, key: str, error: SplatsmithError) -> None:
        self._change(key, error=error, is_awaited=False)

    def request_import(self, name: str, import_plan: Plan) -> TrackedJob:
        """The results are to be imported again, by another plan.

        Raises:
            NotFound: see `get`.
        """
        with self._changed:
            job = replace(self.get(name), import_plan=import_plan, is_awaited=True)
            return self._put(replace(job, results=None, error=None, asset=None))

    # The service's list

    def observe_listing(
        self, statuses: Sequence[JobStatus], before: JobStatus | None = None
    ) -> list[TrackedJob]:
        """Take in a page of the service's list: jobs older than `before`, newest first.

        A job may be younger than the page: of the other submitted jobs of that time, those that
        have ended and whose results nobody awaits are dropped, and those that have not are
        returned, to be asked for. A page without jobs is the last one.
        """
        newest = before.created if before else math.inf
        oldest = statuses[-1].created if statuses else -math.inf
        with self._changed:
            listed = {self.observe(status).key for status in statuses}
            missing = [
                job
                for job in self._jobs.values()
                if job.is_submitted and job.key not in listed
                if oldest <= job.status.created < newest
            ]
            for job in missing:
                if job.state.is_final and not job.is_awaited:
                    self.remove(job.key)
            return [job for job in missing if not job.has_ended]

    def forget_submitted(self) -> None:
        """Another service is used from now on, which does not know these jobs."""
        error = NotFound("This job is at another backend.", "Choose that one in the preferences.")
        with self._changed:
            for job in [job for job in self._jobs.values() if job.is_submitted]:
                if job.is_awaited and not job.has_ended:
                    self.set_failed(job.key, error)
                elif not job.is_awaited:
                    self.remove(job.key)

    def remove(self, name: str) -> None:
        """Forget a job."""
        with self._changed:
            job = self.find(name)
            if job is not None:
                del self._jobs[job.key]
                self._keys.pop(job.status.id, None)
                self._mark_changed()

    def _end_draft(self, key: str, state: JobState, problem: Problem | None = None) -> bool:
        """False if the job was submitted: then its state is the service's."""
        with self._changed:
            job = self._jobs.get(key)
            if job is None or job.is_submitted:
                return job is None
            status = replace(job.status, state=state, problem=problem)
            self._put(replace(job, status=status))
            return True

    def _change(self, key: str, **changes: object) -> None:
        with self._changed:
            if key in self._jobs:
                self._put(replace(self._jobs[key], **changes))

    def _put(self, job: TrackedJob) -> TrackedJob:
        before = self._jobs.get(job.key)
        had_ended = before is not None and before.is_awaited and before.has_ended
        if job.is_awaited and job.has_ended and not had_ended:
            self._ended.append(job.key)
        self._jobs[job.key] = job
        self._mark_changed()
        return job

    def _mark_changed(self) -> None:
        self._listing = None
        self._changed.notify_all()
