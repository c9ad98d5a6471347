"""The job queue: every job and its state, in an SQLite file that several services may share.

Two Blenders with one data directory see one list, and either's worker takes the next job. A running
job whose service has died goes back to the queue: it is deterministic in its seed.
"""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest, NotFound, Problem
from ..contract.protocol import Artifact, JobKind, JobState, JobStatus
from ..files import UPLOAD_ID
from .change_notifier import ChangeNotifier
from .job_rows import (
    ADDED_COLUMNS,
    SCHEMA,
    UNREADABLE,
    JobChanges,
    NewJob,
    is_readable,
    read_job,
)
from .process_identity import ProcessIdentity

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
KNOWN_KINDS = f"kind IN ({', '.join(repr(kind.value) for kind in JobKind)})"


class JobStore:
    """All jobs of a data directory. Thread-safe."""

    def __init__(self, path: Path, notifier: ChangeNotifier) -> None:
        self._notifier = notifier
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            path, timeout=10, isolation_level=None, check_same_thread=False
        )
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(SCHEMA)
        self._add_columns()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def add(self, job: NewJob) -> JobStatus:
        """Queue a job; with a known idempotency key, return the job queued with it before.

        Raises:
            InvalidRequest: the key was used for another request.
        """
        values = (
            secrets.token_hex(8),
            job.kind.value,
            JobState.QUEUED.value,
            job.title,
            json.dumps(job.request, ensure_ascii=False),
            time.time(),
            job.idempotency_key,
            json.dumps(job.client_data, ensure_ascii=False),
        )
        inserted = self._write(
            "INSERT INTO jobs (id, kind, state, title, request, created, idempotency_key,"
            " client_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (idempotency_key) DO NOTHING RETURNING *",
            *values,
        )
        return read_job(inserted) if inserted else self._find_duplicate(job)

    def get(self, job_id: str) -> JobStatus:
        """The job called `job_id`.

        Raises:
            NotFound: there is none.
        """
        if job := self.find(job_id):
            return job
        raise NotFound(f"There is no job {job_id!r}.", "It may have been deleted.")

    def find(self, job_id: str) -> JobStatus | None:
        """The job called `job_id`; None if there is none, or of a kind that is not known."""
        row = self._fetch_one(f"SELECT * FROM jobs WHERE id = ? AND {KNOWN_KINDS}", job_id)
        return read_job(row) if row else None

    def page(
        self, limit: int, before: str = "", state: JobState | None = None
    ) -> tuple[list[JobStatus], bool]:
        """At most `limit` jobs, newest first, older than the job `before`; and whether more follow.

        Raises:
            NotFound: there is no job `before`.
        """
        if before:
            self.get(before)
        rows = self._fetch_all(
            f"SELECT * FROM jobs WHERE {KNOWN_KINDS}"
            " AND (:state IS NULL OR state = :state)"
            " AND (:before = '' OR number < (SELECT number FROM jobs WHERE id = :before))"
            " ORDER BY number DESC LIMIT :limit",
            {"state": state and state.value, "before": before, "limit": limit + 1},
        )
        return [read_job(row) for row in rows[:limit]], len(rows) > limit

    def job_ids(self) -> set[str]:
        """The ids of all jobs, those of other versions too."""
        return {row["id"] for row in self._fetch_all("SELECT id FROM jobs")}

    def upload_ids(self) -> set[str]:
        """The ids of all uploads that a job's request names, found by their form alone: requests
        of other versions keep their uploads."""
        rows = self._fetch_all("SELECT request FROM jobs")
        return {match for row in rows for match in UPLOAD_ID.findall(str(row["request"]))}

    def latest_revision(self) -> int:
        """The number of the last change of any job, by any process."""
        row = self._fetch_one("SELECT max(revision) AS revision FROM job_changes")
        return row["revision"] or 0 if row else 0

    def changes_since(self, revision: int) -> JobChanges:
        """What has changed after `revision`."""
        rows = self._fetch_all(
            "SELECT revision, job_id FROM job_changes WHERE revision > :revision ORDER BY revision",
            {"revision": revision},
        )
        if not rows:
            return JobChanges(revision, (), True)
        ids = dict.fromkeys(row["job_id"] for row in rows)
        return JobChanges(rows[-1]["revision"], tuple(ids), rows[0]["revision"] == revision + 1)

    def has_queued(self, kinds: Collection[JobKind]) -> bool:
        """Whether a job of these kinds waits."""
        return bool(
            self._fetch_one(
                "SELECT 1 FROM jobs WHERE state = 'queued'"
                " AND kind IN (SELECT value FROM json_each(?)) LIMIT 1",
                _json_kinds(kinds),
            )
        )

    def claim(
        self, owner: ProcessIdentity, kinds: Collection[JobKind] = tuple(JobKind)
    ) -> JobStatus | None:
        """Mark the oldest queued job of these kinds as running for `owner`, and return it."""
        while row := self._claim_row(owner, kinds):
            job = read_job(row)
            if is_readable(job):
                self._notifier.notify()
                return job
            log.warning("job %s cannot be read: it fails", row["id"])
            self.fail(row["id"], UNREADABLE)
        return None

    def requeue_orphans(
        self, idle: ProcessIdentity, kinds: Collection[JobKind] = tuple(JobKind)
    ) -> None:
        """Requeue the running jobs of services that are dead, or of `idle`, which runs none."""
        for row in self._fetch_all(
            "SELECT * FROM jobs WHERE state = 'running'"
            " AND kind IN (SELECT value FROM json_each(:kinds))",
            {"kinds": _json_kinds(kinds)},
        ):
            owner = _owner(row)
            if owner is not None and owner != idle and owner.is_alive():
                continue
            attempts = row["attempts"]
            if isinstance(attempts, int) and attempts < MAX_ATTEMPTS:
                self.requeue(row["id"])
            else:
                self.fail(row["id"], _service_died_problem(attempts))

    def update_progress(self, job_id: str, fraction: float, stage: str) -> None:
        """Set a running job's progress (0..1) and stage."""
        self._write(
            "UPDATE jobs SET progress = ?, stage = ? WHERE id = ? AND state = 'running'",
            fraction,
            stage,
            job_id,
        )

    def should_continue(self, job_id: str) -> bool:
        """Whether a running job was neither cancelled nor deleted."""
        return bool(self._fetch_one("SELECT 1 FROM jobs WHERE id = ? AND NOT unwanted", job_id))

    def cancel(self, job_id: str) -> JobStatus:
        """Cancel a queued job, request a running one to stop, leave a final one unchanged.

        Raises:
            NotFound: there is no such job.
        """
        self._write(
            "UPDATE jobs SET unwanted = 1, finished = iif(state = 'queued', ?, finished),"
            " state = iif(state = 'queued', 'cancelled', state)"
            " WHERE id = ? AND state IN ('queued', 'running')",
            time.time(),
            job_id,
        )
        return self.get(job_id)

    def succeed(
        self, job_id: str, artifacts: tuple[Artifact, ...], notes: tuple[str, ...] = ()
    ) -> bool:
        """Mark a running job as succeeded; False if it is not running any more."""
        return self._end(job_id, JobState.SUCCEEDED, artifacts=artifacts, notes=notes)

    def fail(self, job_id: str, problem: Problem) -> bool:
        """Mark a running job as failed; False if it is not running any more."""
        return self._end(job_id, JobState.FAILED, problem=problem)

    def mark_cancelled(self, job_id: str) -> bool:
        """Mark a running job as cancelled; False if it is not running any more."""
        return self._end(job_id, JobState.CANCELLED)

    def requeue(self, job_id: str) -> None:
        """Put a running job back into the queue, at its old place."""
        self._write(
            "UPDATE jobs SET state = iif(unwanted, 'cancelled', 'queued'), started = NULL,"
            " progress = 0, stage = '', owner_pid = NULL WHERE id = ? AND state = 'running'",
            job_id,
        )

    def delete(self, job_id: str) -> None:
        """Delete a job in any state.

        Raises:
            NotFound: there is no such job.
        """
        self.get(job_id)
        self._write("DELETE FROM jobs WHERE id = ?", job_id)

    def _add_columns(self) -> None:
        """Bring a table of an earlier version up to date; another service may do so as well."""
        known = {row["name"] for row in self._database.execute("PRAGMA table_info(jobs)")}
        for name, definition in ADDED_COLUMNS.items():
            if name not in known:
                with suppress(sqlite3.OperationalError):  # the other one was faster
                    self._database.execute(f"ALTER TABLE jobs ADD COLUMN {name} {definition}")

    def _find_duplicate(self, job: NewJob) -> JobStatus:
        row = self._fetch_one("SELECT * FROM jobs WHERE idempotency_key = ?", job.idempotency_key)
        if row is None:  # deleted between the two statements
            return self.add(job)
        if row["kind"] == job.kind.value:
            known = read_job(row)
            if known.request == job.request:
                return known
        raise InvalidRequest(
            "This Idempotency-Key was used for another request.", "Send a new key."
        )

    def _end(
        self,
        job_id: str,
        state: JobState,
        artifacts: tuple[Artifact, ...] = (),
        problem: Problem | None = None,
        notes: tuple[str, ...] = (),
    ) -> bool:
        row = self._write(
            "UPDATE jobs SET state = ?, finished = ?, artifacts = ?, problem = ?, notes = ?,"
            " owner_pid = NULL, progress = iif(?1 = 'succeeded', 1, progress)"
            " WHERE id = ? AND state = 'running' RETURNING id",
            state.value,
            time.time(),
            json.dumps(to_json(artifacts)),
            json.dumps(to_json(problem)),
            json.dumps(notes, ensure_ascii=False),
            job_id,
        )
        return row is not None

    def _claim_row(self, owner: ProcessIdentity, kinds: Collection[JobKind]) -> sqlite3.Row | None:
        return self._fetch_one(
            "UPDATE jobs SET state = 'running', started = ?, owner_pid = ?, owner_started = ?,"
            " attempts = attempts + 1 WHERE number ="
            " (SELECT min(number) FROM jobs WHERE state = 'queued'"
            " AND kind IN (SELECT value FROM json_each(?))) AND state = 'queued' RETURNING *",
            time.time(),
            owner.pid,
            owner.started,
            _json_kinds(kinds),
        )

    def _write(self, statement: str, *values: object) -> sqlite3.Row | None:
        """Execute a statement that changes a row; returns its RETURNING row."""
        row = self._fetch_one(statement, *values)
        self._notifier.notify()
        return row

    def _fetch_one(self, statement: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            return next(iter(self._database.execute(statement, values).fetchall()), None)

    def _fetch_all(
        self, statement: str, values: dict[str, object] | None = None
    ) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(statement, values or {}).fetchall()


def _service_died_problem(attempts: object) -> Problem:
    return Problem(
        "service-died",
        "The service stopped",
        f"The service stopped {attempts} times in the middle of this job.",
        "Look at its log, or lower the settings.",
        500,
    )


def _json_kinds(kinds: Collection[JobKind]) -> str:
    return json.dumps([kind.value for kind in kinds])


def _owner(row: sqlite3.Row) -> ProcessIdentity | None:
    """The service that runs the job; None if the row does not say it."""
    pid, started = row["owner_pid"], row["owner_started"]
    if isinstance(pid, int) and isinstance(started, float) and pid > 0:
        return ProcessIdentity(pid, started)
    return None
