"""The job store: order, states, and recovery after a service died."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from splatsmith.contract.problems import InvalidRequest, NotFound, Problem
from splatsmith.contract.protocol import Artifact, JobKind, JobState
from splatsmith.service.change_notifier import ChangeNotifier
from splatsmith.service.job_rows import NewJob
from splatsmith.service.job_store import MAX_ATTEMPTS, JobStore
from splatsmith.service.process_identity import ProcessIdentity

DEAD = ProcessIdentity(pid=os.getpid(), started=0.0)  # this pid, of an earlier process
PROBLEM = Problem("worker-died", "The worker stopped", "It stopped.", "Try again.", 500)
ARTIFACT = Artifact("splats.ply", "application/octet-stream", 12, "ab" * 32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = open_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def me() -> ProcessIdentity:
    return ProcessIdentity.of()


def open_store(folder: Path) -> JobStore:
    return JobStore(folder / "jobs.sqlite", ChangeNotifier())


def new_job(title: str = "a ‘chair’", key: str | None = None) -> NewJob:
    return NewJob(JobKind.GENERATE, {"prompt": title}, title, key)


def test_added_job_can_be_read_back(store: JobStore) -> None:
    job = store.add(new_job())

    assert store.get(job.id) == job
    assert (job.state, job.title, job.request) == (
        JobState.QUEUED,
        "a ‘chair’",
        {"prompt": "a ‘chair’"},
    )


def test_what_a_client_keeps_with_a_job_is_found_again(store: JobStore) -> None:
    data: dict[str, object] = {"place": [1, 2.5, None], "名": {"nested": True}}
    job = store.add(replace(new_job(), client_data=data))
    assert store.get(job.id).client_data == data


def test_table_of_an_earlier_version_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    job = store.add(new_job())
    store.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("ALTER TABLE jobs DROP COLUMN client_data")
    database.close()
    first, second = open_store(tmp_path), open_store(tmp_path)
    assert first.get(job.id) == job
    assert second.add(replace(new_job(), client_data={"a": 1})).client_data == {"a": 1}
    first.close()
    second.close()


def test_oldest_job_is_claimed_first_and_once(store: JobStore, me: ProcessIdentity) -> None:
    first, second = store.add(new_job()), store.add(new_job())

    claimed = store.claim(me)

    assert claimed is not None
    assert (claimed.id, claimed.state) == (first.id, JobState.RUNNING)
    store.succeed(first.id, (ARTIFACT,))
    other = store.claim(me)
    assert other is not None
    assert other.id == second.id


def test_final_state_cannot_change(store: JobStore, me: ProcessIdentity) -> None:
    job = store.add(new_job())
    store.claim(me)
    assert store.succeed(job.id, (ARTIFACT,))

    assert not store.fail(job.id, PROBLEM)
    assert not store.mark_cancelled(job.id)
    store.update_progress(job.id, 0.1, "again")
    store.requeue(job.id)
    store.cancel(job.id)

    ended = store.get(job.id)
    assert (ended.state, ended.progress, ended.artifacts) == (JobState.SUCCEEDED, 1, (ARTIFACT,))
    assert ended.finished is not None


def test_notes_are_stored(store: JobStore, me: ProcessIdentity) -> None:
    job = store.add(new_job())
    store.claim(me)

    assert store.succeed(job.id, (ARTIFACT,), ("It was cut after ‘chair’.",))

    assert store.get(job.id).notes == ("It was cut after ‘chair’.",)


def test_failed_job_stores_its_problem(store: JobStore, me: ProcessIdentity) -> None:
    job = store.add(new_job())
    store.claim(me)
    store.fail(job.id, PROBLEM)

    assert store.get(job.id).problem == PROBLEM


def test_job_of_a_dead_service_is_requeued_at_its_place(
    store: JobStore, me: ProcessIdentity
) -> None:
    first = store.add(new_job())
    store.add(new_job())
    store.claim(DEAD)
    store.update_progress(first.id, 0.5, "Generating")

    store.requeue_orphans(me)

    again = store.claim(me)

    assert again is not None
    assert (again.id, again.progress, again.stage) == (first.id, 0, "")


def test_job_of_a_live_service_is_not_requeued(store: JobStore, me: ProcessIdentity) -> None:
    store.add(new_job())
    parent = ProcessIdentity.of(os.getppid())
    store.claim(parent)

    store.requeue_orphans(me)

    assert store.claim(me) is None


def test_job_that_kills_every_service_fails(store: JobStore, me: ProcessIdentity) -> None:
    job = store.add(new_job())
    for _ in range(MAX_ATTEMPTS):
        assert store.claim(DEAD)
        store.requeue_orphans(me)

    assert store.claim(me) is None
    failed = store.get(job.id)
    assert failed.state is JobState.FAILED
    assert failed.problem is not None


def test_cancelled_job_of_a_dead_service_is_not_requeued(
    store: JobStore, me: ProcessIdentity
) -> None:
    job = store.add(new_job())
    store.claim(DEAD)
    store.cancel(job.id)

    store.requeue_orphans(me)

    assert store.claim(me) is None
    assert store.get(job.id).state is JobState.CANCELLED


def test_jobs_persist(tmp_path: Path) -> None:
    first = open_store(tmp_path)
    job = first.add(new_job())
    first.close()
    second = open_store(tmp_path)

    assert second.get(job.id) == job
    second.close()


def test_idempotency_key_belongs_to_one_request(store: JobStore) -> None:
    job = store.add(new_job(key="k"))

    assert store.add(new_job(key="k")) == job
    with pytest.raises(InvalidRequest, match="another request"):
        store.add(new_job("something else", key="k"))
    assert store.add(new_job()).id != store.add(new_job()).id


def test_cancelled_or_deleted_job_should_not_continue(store: JobStore, me: ProcessIdentity) -> None:
    cancelled, deleted = store.add(new_job()), store.add(new_job())
    store.claim(me)
    assert store.should_continue(cancelled.id)
    store.cancel(cancelled.id)
    store.delete(deleted.id)

    assert not store.should_continue(cancelled.id)
    assert not store.should_continue(deleted.id)


def test_unknown_job_is_not_found(store: JobStore) -> None:
    for ask in (store.get, store.cancel, store.delete):
        with pytest.raises(NotFound, match="'ghost'"):
            ask("ghost")


# Columns of a queued job, with values that this version cannot read.
UNREADABLE_ROWS = {
    "request is no JSON": {"request": "{"},
    "state is unknown": {"state": "paused"},
    "artifacts have another form": {"artifacts": '[{"path": "a"}]'},
    "a number is text": {"created": "yesterday"},
    "its owner is text": {"state": "running", "owner_pid": "me", "owner_started": "x"},
    "attempts are text": {"state": "running", "attempts": "x"},
}


@pytest.mark.parametrize("name", UNREADABLE_ROWS)
def test_unreadable_row_is_listed_as_failed_and_others_run(
    store: JobStore, me: ProcessIdentity, tmp_path: Path, name: str
) -> None:
    damaged, good = store.add(new_job()), store.add(new_job())
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database, database:
        for column, value in UNREADABLE_ROWS[name].items():
            database.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, damaged.id))

    store.requeue_orphans(me)
    listed, _ = store.page(10)
    claimed = store.claim(me)

    assert [job.id for job in listed] == [good.id, damaged.id]
    assert claimed is not None
    if name == "its owner is text":  # it has none, and is requeued
        assert claimed.id == damaged.id
    else:
        assert claimed.id == good.id
        assert store.get(damaged.id).state is JobState.FAILED
        assert store.get(damaged.id).problem
    store.delete(damaged.id)


def test_row_of_an_unknown_kind_is_left_alone(
    store: JobStore, me: ProcessIdentity, tmp_path: Path
) -> None:
    unknown, good = store.add(new_job()), store.add(new_job())
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database, database:
        database.execute("UPDATE jobs SET kind = 'sculpt' WHERE id = ?", (unknown.id,))

    listed, _ = store.page(10)
    claimed = store.claim(me)

    assert [job.id for job in listed] == [good.id]
    assert claimed is not None
    assert claimed.id == good.id
    assert store.find(unknown.id) is None
    assert unknown.id in store.job_ids()


def test_uploads_of_all_jobs_are_found(store: JobStore) -> None:
    picture = "ab" * 32
    store.add(NewJob(JobKind.GENERATE, {"pictures": {"image": picture}, "novelty": 1}, "a"))

    assert store.upload_ids() == {picture}
