"""The job queue: every job and its state, in an SQLite file that several services may share.

Two Blenders with one data directory see one list, and either's worker takes the next job. A running
job whose service has died goes back to the queue: it is deterministic in its seed.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest, NotFound, Problem
from ..contract.protocol import Artifact, JobKind, JobState, JobStatus
from ..contract.wire import JobSubmission
from .process_identity import ProcessIdentity

MAX_ATTEMPTS = 3
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of the queue
    id TEXT UNIQUE NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    request TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    progress REAL NOT NULL DEFAULT 0,
    stage TEXT NOT NULL DEFAULT '',
    artifacts TEXT NOT NULL DEFAULT '[]',
    problem TEXT NOT NULL DEFAULT 'null',
    notes TEXT NOT NULL DEFAULT '[]',
    unwanted INTEGER NOT NULL DEFAULT 0,       -- 1: cancelled while running
    attempts INTEGER NOT NULL DEFAULT 0,
    owner_pid INTEGER,                         -- the service whose worker runs it
    owner_started REAL,
    idempotency_key TEXT UNIQUE
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
"""


@dataclass(frozen=True)
class NewJob:
    """A validated request for the queue. Jobs of one idempotency key are one job."""

    kind: JobKind
    request: dict[str, object]
    title: str
    idempotency_key: str | None = None


class JobStore:
    """All jobs of a data directory. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            path, timeout=10, isolation_level=None, check_same_thread=False
        )
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(SCHEMA)
        self._add_notes()

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
        )
        inserted = self._fetch_one(
            "INSERT INTO jobs (id, kind, state, title, request, created, idempotency_key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idempotency_key) DO NOTHING RETURNING *",
            *values,
        )
        return _to_job_status(inserted) if inserted else self._find_duplicate(job)

    def get(self, job_id: str) -> JobStatus:
        """The job called `job_id`.

        Raises:
            NotFound: there is none.
        """
        row = self._fetch_one("SELECT * FROM jobs WHERE id = ?", job_id)
        if row is None:
            raise NotFound(f"There is no job {job_id!r}.", "It may have been deleted.")
        return _to_job_status(row)

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
            "SELECT * FROM jobs WHERE (:state IS NULL OR state = :state) AND (:before = ''"
            " OR number < (SELECT number FROM jobs WHERE id = :before))"
            " ORDER BY number DESC LIMIT :limit",
            {"state": state and state.value, "before": before, "limit": limit + 1},
        )
        return [_to_job_status(row) for row in rows[:limit]], len(rows) > limit

    def submissions(self) -> dict[str, JobSubmission]:
        """What was submitted for every job, by the job's id."""
        rows = self._fetch_all("SELECT id, kind, request FROM jobs")
        return {r["id"]: JobSubmission(JobKind(r["kind"]), json.loads(r["request"])) for r in rows}

    def claim(
        self, owner: ProcessIdentity, kinds: Collection[JobKind] = tuple(JobKind)
    ) -> JobStatus | None:
        """Mark the oldest queued job of these kinds as running for `owner`, which runs none now;
        requeue the jobs of dead owners before."""
        wanted = json.dumps([kind.value for kind in kinds])
        self._requeue_orphans(owner, wanted)
        row = self._fetch_one(
            "UPDATE jobs SET state = 'running', started = ?, owner_pid = ?, owner_started = ?,"
            " attempts = attempts + 1 WHERE number ="
            " (SELECT min(number) FROM jobs WHERE state = 'queued'"
            " AND kind IN (SELECT value FROM json_each(?))) AND state = 'queued' RETURNING *",
            time.time(),
            owner.pid,
            owner.started,
            wanted,
        )
        return _to_job_status(row) if row else None

    def update_progress(self, job_id: str, fraction: float, stage: str) -> None:
        """Set a running job's progress (0..1) and stage."""
        self._fetch_one(
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
        self._fetch_one(
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
        self._fetch_one(
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
        self._fetch_one("DELETE FROM jobs WHERE id = ?", job_id)

    def _add_notes(self) -> None:
        """Files of earlier versions have no notes."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            columns = [row["name"] for row in self._database.execute("PRAGMA table_info(jobs)")]
            if "notes" not in columns:
                self._database.execute("ALTER TABLE jobs ADD notes TEXT NOT NULL DEFAULT '[]'")

    def _find_duplicate(self, job: NewJob) -> JobStatus:
        row = self._fetch_one("SELECT * FROM jobs WHERE idempotency_key = ?", job.idempotency_key)
        if row is None:  # deleted between the two statements
            return self.add(job)
        if (row["kind"], json.loads(row["request"])) != (job.kind.value, job.request):
            raise InvalidRequest(
                "This Idempotency-Key was used for another request.", "Send a new key."
            )
        return _to_job_status(row)

    def _end(
        self,
        job_id: str,
        state: JobState,
        artifacts: tuple[Artifact, ...] = (),
        problem: Problem | None = None,
        notes: tuple[str, ...] = (),
    ) -> bool:
        row = self._fetch_one(
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

    def _requeue_orphans(self, idle: ProcessIdentity, kinds: str) -> None:
        """Requeue the running jobs of services that are dead, or of `idle`, which runs none."""
        for row in self._fetch_all(
            "SELECT * FROM jobs WHERE state = 'running'"
            " AND kind IN (SELECT value FROM json_each(:kinds))",
            {"kinds": kinds},
        ):
            owner = ProcessIdentity(row["owner_pid"], row["owner_started"])
            if owner != idle and owner.is_alive():
                continue
            if row["attempts"] < MAX_ATTEMPTS:
                self.requeue(row["id"])
            else:
                self.fail(row["id"], _service_died_problem(row["attempts"]))

    def _fetch_one(self, statement: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            return next(iter(self._database.execute(statement, values).fetchall()), None)

    def _fetch_all(
        self, statement: str, values: dict[str, object] | None = None
    ) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(statement, values or {}).fetchall()


def _service_died_problem(attempts: int) -> Problem:
    return Problem(
        "service-died",
        "The service stopped",
        f"The service stopped {attempts} times in the middle of this job.",
        "Look at its log, or lower the settings.",
        500,
    )


def _to_job_status(row: sqlite3.Row) -> JobStatus:
    members = ("id", "kind", "state", "title", "created", "started", "finished", "progress")
    values = {name: row[name] for name in (*members, "stage")}
    documents = {
        name: json.loads(row[name]) for name in ("request", "artifacts", "problem", "notes")
    }
    return from_json(JobStatus, values | documents, "job")
