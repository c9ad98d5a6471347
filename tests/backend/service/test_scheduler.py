"""The scheduler survives what keeps it from running jobs, says so, and goes on afterwards."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from splatsmith.contract.jsonable import to_json
from splatsmith.contract.protocol import JobKind, JobState
from splatsmith.engines import registry
from splatsmith.service.artifacts import DataDirectory
from splatsmith.service.change_notifier import ChangeNotifier
from splatsmith.service.job_rows import UNREADABLE, NewJob
from splatsmith.service.job_store import JobStore
from splatsmith.service.scheduler import Scheduler, compute_worker
from tests.backend.service.service_process import (
    LATTICE,
    environment,
    lattice,
    running_service,
    wait_for,
)

MISSING = "there is no such program"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with closing(JobStore(tmp_path / "jobs.sqlite", ChangeNotifier())) as store:
        yield store


@pytest.fixture
def scheduler(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduler]:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    scheduler = Scheduler(
        store,
        DataDirectory(tmp_path),
        compute_worker("cpu"),
        ChangeNotifier(),
        on_preview=lambda job_id, preview: None,
    )
    yield scheduler
    scheduler.stop()


def lattice_job(monkeypatch: pytest.MonkeyPatch) -> NewJob:
    monkeypatch.setenv(registry.ENGINES_VARIABLE, LATTICE)
    registry.clear_cache()
    request = lattice().completed(registry.card("lattice"))
    registry.clear_cache()
    members = to_json(request)
    assert isinstance(members, dict)
    return NewJob(JobKind.GENERATE, members, request.title)


def test_worker_that_cannot_be_started_is_reported_and_started_later(
    store: JobStore, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = store.add(lattice_job(monkeypatch))
    with monkeypatch.context() as without_python:
        without_python.setattr(sys, "executable", MISSING)
        scheduler.start()

        problem = wait_for(lambda: scheduler.status.problem, bool)
        assert problem is not None
        assert MISSING in problem.detail
        assert store.get(job.id).state is JobState.QUEUED

    done = wait_for(lambda: store.get(job.id), lambda job: job.state.is_final)
    assert done.state is JobState.SUCCEEDED, done
    assert scheduler.status.problem is None


def test_unusable_database_is_reported_and_used_later(
    store: JobStore, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database, database:
        database.execute("ALTER TABLE jobs RENAME TO moved")
        scheduler.start()
        problem = wait_for(lambda: scheduler.status.problem, bool)
        assert problem is not None
        assert "no such table" in problem.detail
        database.execute("ALTER TABLE moved RENAME TO jobs")

    job = store.add(lattice_job(monkeypatch))
    done = wait_for(lambda: store.get(job.id), lambda job: job.state.is_final)
    assert done.state is JobState.SUCCEEDED, done
    assert scheduler.status.problem is None


def test_service_starts_with_rows_of_another_version(data: Path) -> None:
    data.mkdir(parents=True)
    with closing(JobStore(data / "jobs.sqlite", ChangeNotifier())) as store:
        new = NewJob(JobKind.GENERATE, {"prompt": "x"}, "x")
        damaged, foreign, odd = (store.add(new).id for _ in range(3))
    with closing(sqlite3.connect(data / "jobs.sqlite")) as database, database:
        database.execute("UPDATE jobs SET request = '{' WHERE id = ?", (damaged,))
        database.execute("UPDATE jobs SET kind = 'sculpt' WHERE id = ?", (foreign,))
        database.execute("UPDATE jobs SET request = '{\"novelty\": 1}' WHERE id = ?", (odd,))

    with running_service(data) as service:
        assert service.run(lattice()).state is JobState.SUCCEEDED
        listed = {job["id"]: job for job in service.http.get("/v1/jobs").json()}
        assert listed[damaged]["problem"] == to_json(UNREADABLE)
        assert "novelty" in service.wait(odd).problem.detail  # pyright: ignore[reportOptionalMemberAccess]
        assert foreign not in listed
