"""What was last known of a backend, kept in a file: the add-on shows it before the backend runs.

Only a copy: it is replaced by what the backend says, and may be deleted at any time.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from ..contract.artifacts import PREVIEW
from ..contract.cards import EngineCard
from ..contract.files import atomic_write
from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import JobStatus
from .client import Client
from .errors import ServiceError
from .jobs import JobTracker
from .settings import BackendSettings

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class LastKnown:
    """The engines and the finished jobs of a backend.

    removed: ids of jobs that were removed while it did not run; it does not know that yet.
    """

    engines: tuple[EngineCard, ...] = ()
    jobs: tuple[JobStatus, ...] = ()
    removed: tuple[str, ...] = ()


def read_last_known(path: Path) -> LastKnown:
    """What `write_last_known` wrote; what another version wrote otherwise is left out."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return LastKnown()
    members = cast("dict[str, object]", data) if isinstance(data, dict) else {}
    return LastKnown(
        _readable(EngineCard, members.get("engines")),
        tuple(job for job in _readable(JobStatus, members.get("jobs")) if job.state.is_final),
        _readable(str, members.get("removed")),
    )


def write_last_known(path: Path, known: LastKnown) -> None:
    """Replace the file.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        part.write_text(json.dumps(to_json(known), ensure_ascii=False), encoding="utf-8")


class BackendMemory:
    """Keeps the file up to date. Its methods belong to the session's thread."""

    def __init__(self) -> None:
        self._known = LastKnown()
        self._removed: tuple[str, ...] = ()

    def recall(self, tracker: JobTracker, settings: BackendSettings) -> tuple[EngineCard, ...]:
        """Have `tracker` list the jobs that are known of the backend; returns its engines."""
        self._known = read_last_known(settings.last_known)
        self._removed = self._known.removed
        for status in self._known.jobs:
            job = tracker.observe(status)
            preview = settings.results / status.id / PREVIEW
            if job.needs_preview and preview.is_file():
                tracker.set_preview(job.key, preview)
        return self._known.engines

    def keep(
        self, tracker: JobTracker, settings: BackendSettings, engines: tuple[EngineCard, ...]
    ) -> None:
        """Write the file, if anything in it has changed."""
        submitted = (job.status for job in tracker.jobs if job.is_submitted)
        finished = tuple(status for status in submitted if status.state.is_final)
        known = LastKnown(engines or self._known.engines, finished, self._removed)
        if known == self._known:
            return
        try:
            write_last_known(settings.last_known, known)
        except OSError as error:
            log.warning("the list of jobs cannot be kept: %s", error)
        else:
            self._known = known

    def note_removed(self, job: str) -> None:
        """The job of that id is to be deleted by the backend when it runs again."""
        self._removed = (*self._removed, job)

    def delete_removed(self, client: Client) -> None:
        """Delete the jobs that were removed while the backend did not run."""
        for job in self._removed:
            try:
                client.delete(job)
            except ServiceError as error:
                log.warning("the removed job %s is still there: %s", job, error)
        self._removed = ()


def _readable(kind: type[T], values: object) -> tuple[T, ...]:
    items: list[T] = []
    for value in cast("list[object]", values) if isinstance(values, list) else ():
        try:
            items.append(from_json(kind, value))
        except InvalidRequest:
            continue
    return tuple(items)
