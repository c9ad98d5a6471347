"""The table of jobs: its schema, and its rows as JobStatus.

The file may have been written by another version. A row that this one cannot read is a failed job;
a row of an unknown kind cannot be expressed in this version's protocol, and queries leave it out.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field

from ..contract.jsonable import from_json
from ..contract.problems import InvalidRequest, Problem
from ..contract.protocol import JobKind, JobState, JobStatus

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
    idempotency_key TEXT UNIQUE,
    client_data TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);

-- What has changed of late, by whichever process: the triggers are stored in the file.
CREATE TABLE IF NOT EXISTS job_changes (revision INTEGER PRIMARY KEY, job_id TEXT NOT NULL);
"""
_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS record_{event} AFTER {event} ON jobs BEGIN
    INSERT INTO job_changes (job_id) VALUES ({row}.id);
    DELETE FROM job_changes WHERE revision <= (SELECT max(revision) FROM job_changes) - {kept};
END;
"""
KEPT_CHANGES = 1000
SCHEMA += "".join(
    _TRIGGER.format(event=event, row=row, kept=KEPT_CHANGES)
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
)

# Columns that tables of earlier versions lack.
ADDED_COLUMNS = {"client_data": "TEXT NOT NULL DEFAULT '{}'"}

UNREADABLE = Problem(
    "unreadable-job",
    "The job cannot be read",
    "The job was stored by another version of Splatsmith, or its entry is damaged.",
    "Submit it again; this one can be deleted.",
    500,
)
_COLUMNS = ("id", "kind", "state", "title", "created", "started", "finished", "progress", "stage")
_JSON_COLUMNS = ("request", "artifacts", "problem", "notes", "client_data")


@dataclass(frozen=True)
class NewJob:
    """A validated request for the queue. Jobs of one idempotency key are one job."""

    kind: JobKind
    request: dict[str, object]
    title: str
    idempotency_key: str | None = None
    client_data: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True)
class JobChanges:
    """The jobs that were added, changed or deleted since an earlier revision, each once.

    is_complete: there were no more changes than are kept.
    """

    revision: int
    job_ids: tuple[str, ...]
    is_complete: bool


def read_job(row: sqlite3.Row) -> JobStatus:
    """The job in `row`, whose kind is known; a failed one if the rest cannot be read."""
    try:
        values = {name: row[name] for name in _COLUMNS}
        values |= {name: json.loads(row[name]) for name in _JSON_COLUMNS}
        return from_json(JobStatus, values, "job")
    except (InvalidRequest, ValueError, TypeError, IndexError):
        return JobStatus(
            id=str(row["id"]),
            kind=JobKind(row["kind"]),
            state=JobState.FAILED,
            title=str(row["title"]),
            request={},
            created=_number(row["created"]),
            finished=_number(row["finished"] or row["created"]),
            problem=UNREADABLE,
        )


def is_readable(job: JobStatus) -> bool:
    """Whether `read_job` could read the whole row."""
    return job.problem != UNREADABLE


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
