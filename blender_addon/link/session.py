"""The session of this Blender with its backend.

HTTP requests, installations and starts happen on the session's thread, one command at a time; the
event stream's thread reports what changes at the service. The main thread calls methods that
return at once, and reads `snapshot` and `tracker`, which both threads update.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from threading import Event, Lock, Thread

from ..contract.problems import SplatsmithError
from ..contract.wire import (
    EventPayload,
    HealthEvent,
    JobDeletedEvent,
    JobEvent,
    SnapshotEvent,
    WeightsEvent,
)
from .backend import Backend
from .client import Client
from .environment import InstallCancelled
from .errors import ServiceUnreachable, internal_error, written_files
from .event_stream import EventStream
from .job_commands import Command, JobCommands
from .jobs import JobTracker
from .last_known import BackendMemory
from .settings import BackendSettings
from .snapshot import BackendState, SessionSnapshot
from .tracked_job import Plan, TrackedJob

log = logging.getLogger(__name__)

CLOSE_SECONDS = 15.0


class Session(JobCommands):
    """A backend, its jobs and the threads that talk to it. One per Blender; close it at the end."""

    def __init__(self, settings: BackendSettings) -> None:
        self.tracker = JobTracker()
        self.settings = settings
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._interrupt = Event()  # stops an installation or a start
        self._closing = Event()
        self._lock = Lock()  # of the snapshot
        self._snapshot = SessionSnapshot(BackendState.STOPPED)
        # The rest belongs to the session's thread.
        self._backend = Backend(settings)
        self._awaited_settings: BackendSettings | None = None  # until the service has no jobs
        self._client: Client | None = None
        self._events: EventStream | None = None
        self._memory = BackendMemory()
        self._enqueue(self._recall)
        self._enqueue(self._check_installation)
        self._thread = Thread(target=self._run, name="splatsmith-session", daemon=True)
        self._thread.start()

    # For the main thread. Nothing here waits, but `close`.

    @property
    def snapshot(self) -> SessionSnapshot:
        """The present state. The same object as long as nothing changes."""
        self._update(jobs=self.tracker.jobs)
        return self._snapshot

    def configure(self, settings: BackendSettings) -> None:
        """Use `settings` from now on; a backend that runs with other ones is stopped.

        If they only differ in how the service runs, such as on what device, its jobs are finished
        first; those that are submitted meanwhile wait for the new settings.
        """
        if settings == self.settings:
            return
        if settings.service != self.settings.service:
            self._interrupt.set()
        self.settings = settings
        self._enqueue(partial(self._configure, settings))

    def install(self) -> None:
        self._interrupt.clear()  # a Stop from now on is meant for it
        self._update(state=BackendState.INSTALLING)
        self._enqueue(self._install)

    def start(self) -> None:
        self._enqueue(self._start)

    def stop(self) -> None:
        """Stop the backend, or an installation or a start."""
        self._interrupt.set()
        self._enqueue(self._stop)

    def submit(self, job: TrackedJob) -> str:
        """Track a new job and submit it, starting the backend if need be; returns its key."""
        self.tracker.add(job)
        self._enqueue(partial(self._submit, job.key))
        return job.key

    def cancel(self, name: str) -> None:
        """Cancel a job, unless it has ended.

        Raises:
            NotFound: there is no such job.
        """
        job = self.tracker.set_cancelling(name)
        if self._snapshot.state is BackendState.INSTALLING:  # which the command would wait for
            self.tracker.set_cancelled(job.key)
        self._enqueue(partial(self._cancel, job.key))

    def remove(self, name: str) -> None:
        """Delete a job at the service, and its files here.

        Raises:
            NotFound: there is no such job.
        """
        self._enqueue(partial(self._remove, self.tracker.get(name).key))

    def import_again(self, name: str, import_plan: Plan) -> str:
        """Have the results of a finished job imported by `import_plan`; returns the job's key.

        Raises:
            NotFound: there is no such job.
        """
        job = self.tracker.request_import(name, import_plan)
        self._enqueue(partial(self._import_again, job.key))
        return job.key

    def load_previews(self, names: Iterable[str]) -> None:
        """Download the preview pictures of jobs where they are not here, if the backend runs."""
        for name in names:
            job = self.tracker.find(name)
            if job is not None:
                self._follow_up(job.key)

    def clear_problem(self) -> None:
        self._update(problem=None)

    def close(self) -> None:
        """Stop the backend and wait for its end; unfinished jobs go on at its next start."""
        self._closing.set()
        self._interrupt.set()
        self._enqueue(lambda: None)
        self._thread.join(CLOSE_SECONDS)

    # The session's thread

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._run_command(self._commands.get())
        finally:
            self._keep()
            self._disconnect()
            self._backend.stop()

    def _run_command(self, command: Command) -> None:
        try:
            command()
        except ServiceUnreachable as error:
            self._handle_lost(error)
        except SplatsmithError as error:
            self._update(problem=error.problem)
        except Exception as error:  # noqa: BLE001  the thread's edge: the panel shows it
            log.exception("a command of the session failed")
            self._update(problem=internal_error(error).problem)

    def _recall(self) -> None:
        """Show what was last known of the backend, until it says more itself."""
        engines = self._memory.recall(self.tracker, self._backend.settings)
        self._update(engines=self._snapshot.engines or engines)

    def _keep(self) -> None:
        self._memory.keep(self.tracker, self._backend.settings, self._snapshot.engines)

    def _check_installation(self) -> None:
        self._update(build=self._backend.build, planned_build=self._backend.planned_build)
        if not self._backend.is_installed and self._snapshot.state is BackendState.STOPPED:
            self._update(state=BackendState.NOT_INSTALLED)

    def _configure(self, settings: BackendSettings) -> None:
        is_same = settings.service == self._backend.settings.service
        if is_same and self._client is not None and self.tracker.has_jobs_at_service:
            self._awaited_settings = settings
        else:
            self._apply(settings)

    def _apply_if_idle(self) -> None:
        """Use the settings that wait for the service's jobs, if it has none any more."""
        if self._awaited_settings is not None and not self.tracker.has_jobs_at_service:
            self._apply(self._awaited_settings)

    def _replace_backend(self) -> None:
        """Have the next start use the settings that wait; the service does not run any more."""
        settings, self._awaited_settings = self._awaited_settings, None
        if settings is not None:
            self._backend = Backend(settings)
            self._check_installation()

    def _apply(self, settings: BackendSettings) -> None:
        self._awaited_settings = None
        self._disconnect()
        self._backend.stop()
        if settings.job_store != self._backend.settings.job_store:
            self.tracker.forget_submitted()
        self._backend = Backend(settings)
        self._update(state=BackendState.STOPPED, problem=None, engines=(), weights=())
        self._recall()
        self._check_installation()
        self._submit_drafts()
        if self.tracker.has_unfinished_jobs:
            self._start()

    def _install(self) -> None:
        self._update(problem=None, state=BackendState.INSTALLING)
        try:
            with written_files():
                self._backend.install(self._report_progress, self._interrupt)
        except InstallCancelled:
            self._show_installation()
        except SplatsmithError:
            self._show_installation()
            raise
        else:
            self._show_installation()
            self._start()

    def _show_installation(self) -> None:
        self._update(state=BackendState.STOPPED)
        self._check_installation()

    def _report_progress(self, message: str) -> None:
        self._update(message=message)

    def _start(self) -> None:
        if self._client is not None and self._snapshot.state is BackendState.RUNNING:
            return
        self._disconnect()
        self._interrupt.clear()
        self._update(problem=None, state=BackendState.STARTING, message="Starting the backend")
        try:
            self._client = self._backend.start(self._interrupt)
            self._update(engines=self._client.engines())
            self._memory.delete_removed(self._client)
            self._keep()
            self._events = EventStream(self._client.address, self)
        except BaseException:
            self._disconnect()
            self._backend.stop()
            self._update(state=BackendState.FAILED)
            self._check_installation()
            raise
        self._update(state=BackendState.RUNNING)
        self._events.start()
        self._submit_drafts()

    def _submit_drafts(self) -> None:
        for draft in self.tracker.drafts:
            self._enqueue(partial(self._submit, draft.key))

    def _connect(self) -> Client:
        if self._client is None:
            self._start()
        assert self._client is not None
        return self._client

    def _disconnect(self) -> None:
        events, self._events = self._events, None
        if events is not None:
            events.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._update(health=None)

    def _stop(self) -> None:
        self._disconnect()
        self._backend.stop()
        self._replace_backend()
        if self._snapshot.state is not BackendState.NOT_INSTALLED:
            self._update(state=BackendState.STOPPED)

    def _handle_lost(self, error: SplatsmithError) -> None:
        """Show why the service is gone. The event stream reconnects to one that may come back."""
        exit_error = self._backend.exit_error()
        self._update(state=BackendState.FAILED, problem=(exit_error or error).problem)
        if exit_error is not None:
            self._disconnect()
            self._backend.stop()
            self._replace_backend()

    def _set_stream_open(self, stream: EventStream | None) -> None:
        if stream is self._events and self._snapshot.state is BackendState.FAILED:
            self._update(state=BackendState.RUNNING, problem=None)

    def _set_stream_lost(self, stream: EventStream | None, error: SplatsmithError) -> None:
        if stream is self._events:
            self._handle_lost(error)

    # The event stream's thread

    def on_open(self) -> None:
        self._enqueue(partial(self._set_stream_open, self._events))

    def on_event(self, event: EventPayload) -> None:
        match event:
            case SnapshotEvent():
                self._update(health=event.health, weights=event.checkpoints)
                self._look_up_missing(event.jobs, None)
                listed = {job.id for job in event.jobs}
                for job in self.tracker.jobs:
                    if job.is_awaited or job.status.id in listed:
                        self._follow_up(job.key)
                self._enqueue(self._keep)
            case JobEvent():
                job = self.tracker.observe(event.job, event.preview)
                self._follow_up(job.key)
                if job.state.is_final:
                    self._enqueue(self._keep)
            case JobDeletedEvent():
                self.tracker.remove(event.id)
                self._enqueue(self._keep)
            case WeightsEvent():
                self._update(weights=event.checkpoints)
            case HealthEvent():
                self._update(health=event.health)
        if self._awaited_settings is not None:
            self._enqueue(self._apply_if_idle)

    def on_lost(self, error: SplatsmithError) -> None:
        self._enqueue(partial(self._set_stream_lost, self._events, error))

    def _enqueue(self, command: Command) -> None:
        self._commands.put(command)

    def _update(self, **changes: object) -> None:
        """Replace the snapshot if anything in it changes. Any thread may call this."""
        with self._lock:
            before = self._snapshot
            if any(getattr(before, name) != value for name, value in changes.items()):
                self._snapshot = replace(before, **changes)
