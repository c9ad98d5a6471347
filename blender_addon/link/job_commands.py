"""The commands of a session that concern its jobs. They run on the session's thread."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

from ..contract.problems import SplatsmithError
from ..contract.protocol import JobStatus
from .client import Client
from .errors import ServiceError, ServiceUnreachable
from .job_transfers import download_preview, download_results, has_all_files, submit_job
from .jobs import JobTracker
from .last_known import BackendMemory
from .settings import BackendSettings

Command = Callable[[], None]


class JobCommands:
    """A part of `Session`, which has the backend and the queue of commands."""

    tracker: JobTracker
    settings: BackendSettings
    _memory: BackendMemory
    _client: Client | None
    _awaited_settings: BackendSettings | None

    def _connect(self) -> Client:
        raise NotImplementedError

    def _enqueue(self, command: Command) -> None:
        raise NotImplementedError

    def _keep(self) -> None:
        raise NotImplementedError

    def _submit(self, key: str) -> None:
        job = self.tracker.find(key)
        if job is None or job.is_submitted or job.state.is_final:
            return
        if job.is_cancelling:
            self.tracker.set_cancelled(key)
            return
        if self._awaited_settings is not None:  # submitted once they are used
            self.tracker.set_stage(key, "Waiting for earlier jobs, before the new preferences")
            return
        try:
            submit_job(self._connect(), self.tracker, job, self.settings.pictures)
        except SplatsmithError as error:
            self.tracker.set_failed(key, error)
            if isinstance(error, ServiceUnreachable):
                raise
        self._follow_up(key)

    def _follow_up(self, key: str) -> None:
        """Download what a finished job still needs. Any thread may call this."""
        job = self.tracker.find(key)
        if job is not None and (job.needs_results or job.needs_preview):
            self._enqueue(partial(self._download, key))

    def _download(self, key: str) -> None:
        """Without a connection nothing happens: the event stream's next one asks for it again."""
        job = self.tracker.find(key)
        if job is None or self._client is None:
            return
        folder = self.settings.results / job.status.id
        if job.needs_results:
            download_results(self._client, self.tracker, job, folder)
        elif job.needs_preview:
            download_preview(self._client, self.tracker, job, folder)
        else:
            return
        self._follow_up(key)

    def _import_again(self, key: str) -> None:
        """The backend is started only if files of the job are not here."""
        job = self.tracker.find(key)
        if job is None:
            return
        folder = self.settings.results / job.status.id
        if job.needs_results and has_all_files(job, folder):
            self.tracker.set_results(key, folder)
            return
        try:
            self._connect()
        except SplatsmithError as error:
            self.tracker.set_failed(key, error)
            raise
        self._follow_up(key)

    def _cancel(self, key: str) -> None:
        job = self.tracker.find(key)
        if job is None or job.status.state.is_final:
            return
        if job.is_submitted:
            self._connect().cancel(job.status.id)
        else:
            self.tracker.set_cancelled(key)

    def _look_up(self, key: str) -> None:
        """Ask for a job that the service's list is without."""
        job = self.tracker.find(key)
        if job is None or self._client is None:
            return
        try:
            self.tracker.observe(self._client.job(job.status.id))
        except ServiceError as error:  # it was deleted
            if not job.is_awaited:
                self.tracker.remove(key)
            self.tracker.set_failed(key, error)
        self._follow_up(key)

    def _look_up_missing(self, statuses: tuple[JobStatus, ...], before: JobStatus | None) -> None:
        """Take in a page of the service's list. Any thread may call this."""
        for job in self.tracker.observe_listing(statuses, before):
            self._enqueue(partial(self._look_up, job.key))
        if statuses:
            self._enqueue(partial(self._list_older, statuses[-1]))

    def _list_older(self, before: JobStatus) -> None:
        """List the next page of jobs; their pictures are loaded where they are shown."""
        if self._client is None:
            return
        try:
            self._look_up_missing(self._client.jobs(before.id), before)
        except ServiceError:  # deleted in the meantime: the next listing goes on
            return
        self._keep()

    def _remove(self, key: str) -> None:
        job = self.tracker.find(key)
        if job is None:
            return
        if job.is_submitted and self._client is not None:
            self._client.delete(job.status.id)
        elif job.is_submitted:
            self._memory.note_removed(job.status.id)
        shutil.rmtree(self.settings.results / job.status.id, ignore_errors=True)
        self.tracker.remove(key)
        self._keep()
