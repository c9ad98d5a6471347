"""Publishes events for what changes: jobs, the status of checkpoints, the health of the service.

Jobs are compared with the database, whose triggers record every change, whoever made it: this
process, another service with the same data directory, another version. A change of this process
wakes the thread at once; those of others are looked for every FOREIGN_POLL seconds. The status of
checkpoints is read from disk when a download job changes. While nobody listens nothing is read.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from ..contract.checkpoints import CheckpointStatus
from ..contract.protocol import Health, JobState, JobStatus
from ..contract.wire import (
    HealthEvent,
    JobDeletedEvent,
    JobEvent,
    PreviewImage,
    SnapshotEvent,
    WeightsEvent,
)
from ..engines import registry
from ..weights import status_of
from .change_notifier import ChangeNotifier
from .event_bus import EventBus, EventStreamResponse
from .job_store import JobStore

log = logging.getLogger(__name__)

FOREIGN_POLL = 0.5  # seconds
WEIGHTS_INTERVAL = 1.0  # seconds between two looks at the files of a running download
RETRY_PAUSE = 2.0  # seconds
SNAPSHOT_JOBS = 100


class EventPublisher:
    """Owns the event bus and the thread that fills it."""

    def __init__(self, store: JobStore, notifier: ChangeNotifier) -> None:
        self._store = store
        self._bus = EventBus()
        self._lock = threading.Lock()  # held while changes are read and published
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._read_health: Callable[[], Health] | None = None
        self._revision = store.latest_revision()
        self._health: Health | None = None
        self._weights: tuple[CheckpointStatus, ...] = ()
        self._weights_time = 0.0
        self._previews: dict[str, PreviewImage] = {}
        self._thread = threading.Thread(target=self._run, name="event-publisher", daemon=True)
        notifier.subscribe(self._wake.set)

    def start(self, read_health: Callable[[], Health]) -> None:
        self._read_health = read_health
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def end_streams(self) -> None:
        """Complete the responses of all clients."""
        self._bus.end_streams()

    def set_preview(self, job_id: str, preview: PreviewImage) -> None:
        """Send `preview` with the job's next event; to be called before the job is changed."""
        if self._bus.has_subscribers:
            self._previews[job_id] = preview

    def respond(self, last_event_id: str, loop: asyncio.AbstractEventLoop) -> EventStreamResponse:
        """The response to a client that has received the events up to `last_event_id`."""
        with self._lock:
            self._publish_changes()
            subscription = self._bus.subscribe(last_event_id, self._snapshot, loop)
        self._wake.set()  # from now on other processes' changes are looked for
        return EventStreamResponse(subscription, self._bus)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(FOREIGN_POLL if self._bus.has_subscribers else None)
            self._wake.clear()
            if not self._bus.has_subscribers:
                continue
            try:
                with self._lock:
                    self._publish_changes()
            except Exception:  # noqa: BLE001  whatever it is, clients must get later events
                log.exception("events cannot be published; trying again in %g s", RETRY_PAUSE)
                self._stopping.wait(RETRY_PAUSE)

    def _publish_changes(self) -> None:
        """Publish what has changed since the last call."""
        changes = self._store.changes_since(self._revision)
        if changes.is_complete:
            self._publish_jobs(changes.job_ids)
        else:
            self._bus.publish(self._snapshot())
        self._revision = changes.revision
        health = self._current_health()
        if health != self._health:
            self._health = health
            self._bus.publish(HealthEvent(health))

    def _publish_jobs(self, job_ids: tuple[str, ...]) -> None:
        jobs = {job_id: self._store.find(job_id) for job_id in job_ids}
        for job_id, job in jobs.items():
            preview = self._previews.pop(job_id, None)
            self._bus.publish(JobEvent(job, preview) if job else JobDeletedEvent(job_id))
        weights_jobs = [job for job in jobs.values() if job and job.kind.is_about_checkpoints]
        if any(map(self._is_weights_update_due, weights_jobs)):
            before = self._weights
            self._update_weights()
            if self._weights != before:
                self._bus.publish(WeightsEvent(self._weights))

    def _is_weights_update_due(self, job: JobStatus) -> bool:
        elapsed = time.monotonic() - self._weights_time
        return job.state is not JobState.RUNNING or elapsed >= WEIGHTS_INTERVAL

    def _update_weights(self) -> None:
        self._weights = tuple(status_of(each) for each in registry.checkpoints().values())
        self._weights_time = time.monotonic()

    def _snapshot(self) -> SnapshotEvent:
        self._update_weights()
        jobs, _ = self._store.page(SNAPSHOT_JOBS)
        return SnapshotEvent(self._current_health(), self._weights, tuple(jobs))

    def _current_health(self) -> Health:
        assert self._read_health is not None, "start first"
        return self._read_health()
