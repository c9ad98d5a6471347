"""The queue: every job and its state, in an SQLite file that several services may share.

Two Blenders that use one data folder see one list, and either's worker takes the next job. A job
whose service has died goes back to the queue: it is deterministic in its seed.
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
from ..contract.wire import JobOrder
from .process_identity import ProcessMark

MAX_ATTEMPTS = 3
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the queue's order
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
    unwanted INTEGER NOT NULL DEFAULT 0,       -- running, but cancelled
    attempts INTEGER NOT NULL DEFAULT 0,
    owner_pid INTEGER,                         -- the service whose worker is on it
    owner_started REAL,
    idempotency_key TEXT UNIQUE
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
"""


@dataclass(frozen=True)
class NewJob:
    """A checked request on its way into the queue. A key makes sending it twice harmless."""

    kind: JobKind
    request: dict[str, object]
    title: str
    idempotency_key: str | None = None


class JobStore:
    """All jobs of a data folder. Safe to call from any thread."""

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
        """Queue a job; with a key that is known, return the job queued under it before.

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
        inserted = self._one(
            "INSERT INTO jobs (id, kind, state, title, request, created, idempotency_key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idempotency_key) DO NOTHING RETURNING *",
            *values,
        )
        return _status(inserted) if inserted else self._sent_before(job)

    def get(self, job_id: str) -> JobStatus:
        """The job called `job_id`.

        Raises:
            NotFound: there is none.
        """
        row = self._one("SELECT * FROM jobs WHERE id = ?", job_id)
        if row is None:
            raise NotFound(f"There is no job {job_id!r}.", "It may have been deleted.")
        return _status(row)

    def page(
        self, limit: int, before: str = "", state: JobState | None = None
    ) -> tuple[list[JobStatus], bool]:
        """At most `limit` jobs, newest first, older than the job `before`; and if more follow.

        Raises:
            NotFound: there is no job `before`.
        """
        if before:
            self.get(before)
        rows = self._all(
            "SELECT * FROM jobs WHERE (:state IS NULL OR state = :state) AND (:before = ''"
            " OR number < (SELECT number FROM jobs WHERE id = :before))"
            " ORDER BY number DESC LIMIT :limit",
            {"state": state and state.value, "before": before, "limit": limit + 1},
        )
        return [_status(row) for row in rows[:limit]], len(rows) > limit

    def orders(self) -> dict[str, JobOrder]:
        """What every job was asked to do, by the job's id."""
        rows = self._all("SELECT id, kind, request FROM jobs")
        return {r["id"]: JobOrder(JobKind(r["kind"]), json.loads(r["request"])) for r in rows}

    def claim(
        self, owner: ProcessMark, kinds: Collection[JobKind] = tuple(JobKind)
    ) -> JobStatus | None:
        """Take the oldest queued job of these kinds for `owner`, who has none of them now; those
        of the dead go first."""
        wanted = json.dumps([kind.value for kind in kinds])
        self._give_back_orphans(owner, wanted)
        row = self._one(
            "UPDATE jobs SET state = 'running', started = ?, owner_pid = ?, owner_started = ?,"
            " attempts = attempts + 1 WHERE number ="
            " (SELECT min(number) FROM jobs WHERE state = 'queued'"
            " AND kind IN (SELECT value FROM json_each(?))) AND state = 'queued' RETURNING *",
            time.time(),
            owner.pid,
            owner.started,
            wanted,
        )
        return _status(row) if row else None

    def move(self, job_id: str, fraction: float, stage: str) -> None:
        """Note how far a running job is."""
        self._one(
            "UPDATE jobs SET progress = ?, stage = ? WHERE id = ? AND state = 'running'",
            fraction,
            stage,
            job_id,
        )

    def is_wanted(self, job_id: str) -> bool:
        """Whether a running job shall go on: it was neither cancelled nor deleted."""
        return bool(self._one("SELECT 1 FROM jobs WHERE id = ? AND NOT unwanted", job_id))

    def cancel(self, job_id: str) -> JobStatus:
        """Cancel a queued job at once, ask a running one to stop, leave a final one as it is.

        Raises:
            NotFound: there is no such job.
        """
        self._one(
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
        """End a running job well; False if it has been deleted meanwhile."""
        return self._end(job_id, JobState.SUCCEEDED, artifacts=artifacts, notes=notes)

    def fail(self, job_id: str, problem: Problem) -> bool:
        """End a running job with its reason; False if it has been deleted meanwhile."""
        return self._end(job_id, JobState.FAILED, problem=problem)

    def stop(self, job_id: str) -> bool:
        """End a running job as cancelled; False if it has been deleted meanwhile."""
        return self._end(job_id, JobState.CANCELLED)

    def give_back(self, job_id: str) -> None:
        """Put a running job back into its place in the queue."""
        self._one(
            "UPDATE jobs SET state = iif(unwanted, 'cancelled', 'queued'), started = NULL,"
            " progress = 0, stage = '', owner_pid = NULL WHERE id = ? AND state = 'running'",
            job_id,
        )

    def remove(self, job_id: str) -> None:
        """Forget a job in any state.

        Raises:
            NotFound: there is no such job.
        """
        self.get(job_id)
        self._one("DELETE FROM jobs WHERE id = ?", job_id)

    def _add_notes(self) -> None:
        """Files of earlier versions have no notes."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            columns = [row["name"] for row in self._database.execute("PRAGMA table_info(jobs)")]
            if "notes" not in columns:
                self._database.execute("ALTER TABLE jobs ADD notes TEXT NOT NULL DEFAULT '[]'")

    def _sent_before(self, job: NewJob) -> JobStatus:
        row = self._one("SELECT * FROM jobs WHERE idempotency_key = ?", job.idempotency_key)
        if row is None:  # deleted between the two statements
            return self.add(job)
        if (row["kind"], json.loads(row["request"])) != (job.kind.value, job.request):
            raise InvalidRequest(
                "This Idempotency-Key was used for another request.", "Send a new key."
            )
        return _status(row)

    def _end(
        self,
        job_id: str,
        state: JobState,
        artifacts: tuple[Artifact, ...] = (),
        problem: Problem | None = None,
        notes: tuple[str, ...] = (),
    ) -> bool:
        row = self._one(
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

    def _give_back_orphans(self, free: ProcessMark, kinds: str) -> None:
        """Give back the running jobs of services that are dead, or `free` and so not on them."""
        for row in self._all(
            "SELECT * FROM jobs WHERE state = 'running'"
            " AND kind IN (SELECT value FROM json_each(:kinds))",
            {"kinds": kinds},
        ):
            owner = ProcessMark(row["owner_pid"], row["owner_started"])
            if owner != free and owner.is_alive():
                continue
            if row["attempts"] < MAX_ATTEMPTS:
                self.give_back(row["id"])
            else:
                self.fail(row["id"], _gave_up(row["attempts"]))

    def _one(self, statement: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            return next(iter(self._database.execute(statement, values).fetchall()), None)

    def _all(self, statement: str, values: dict[str, object] | None = None) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(statement, values or {}).fetchall()


def _gave_up(attempts: int) -> Problem:
    return Problem(
        "service-died",
        "The service stopped",
        f"The service stopped {attempts} times in the middle of this job.",
        "Look at its log, or lower the settings.",
        500,
    )


def _status(row: sqlite3.Row) -> JobStatus:
    members = ("id", "kind", "state", "title", "created", "started", "finished", "progress")
    values = {name: row[name] for name in (*members, "stage")}
    documents = {
        name: json.loads(row[name]) for name in ("request", "artifacts", "problem", "notes")
    }
    return from_json(JobStatus, values | documents, "job")
