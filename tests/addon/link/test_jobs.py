"""The tracker: one value for each job, whatever order its changes are reported in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest

from blender_addon.contract.artifacts import PREVIEW
from blender_addon.contract.problems import InvalidRequest, NotFound
from blender_addon.contract.protocol import (
    Artifact,
    DownloadRequest,
    GenerateRequest,
    JobKind,
    JobState,
    JobStatus,
)
from blender_addon.contract.wire import PreviewImage
from blender_addon.link.errors import Cancelled
from blender_addon.link.jobs import JobTracker
from blender_addon.link.tracked_job import Attachments, TrackedJob, new_job

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class NamedPlan:
    name: str

    def to_members(self) -> dict[str, object]:
        return {"name": self.name}


PLAN = NamedPlan("plan")
REQUEST = GenerateRequest("a chair")
REFUSED = InvalidRequest("It cannot be done.", "Try another.")


def status(job: str, state: JobState = JobState.QUEUED, created: float = 0.0) -> JobStatus:
    artifacts = (Artifact(PREVIEW, "image/png", 1, ""),) if state is JobState.SUCCEEDED else ()
    return JobStatus(
        job, JobKind.GENERATE, state, "a chair", {"prompt": "a chair"}, created, artifacts=artifacts
    )


@pytest.fixture
def tracker() -> JobTracker:
    return JobTracker()


@pytest.fixture
def job(tracker: JobTracker) -> TrackedJob:
    """A new job with a picture and an import plan."""
    job = new_job(REQUEST, Attachments({}), PLAN)
    tracker.add(job)
    return job


def test_a_job_is_one_value_from_submission_to_import(
    tracker: JobTracker, job: TrackedJob, tmp_path: Path
) -> None:
    assert tracker.jobs[0].stage == "Sending" and not tracker.jobs[0].is_submitted
    tracker.set_submitted(job.key, replace(REQUEST, variant="cube"), status("7"))
    assert tracker.get("7") is tracker.get(job.key)
    assert tracker.observe(status("7", JobState.SUCCEEDED)).needs_results
    assert tracker.take_ended() == []
    tracker.set_results(job.key, tmp_path)
    (ended,) = tracker.take_ended()
    assert (ended.key, ended.results, ended.import_plan) == (job.key, tmp_path, PLAN)
    assert ended.is_awaited and tracker.take_ended() == []
    tracker.set_imported(job.key, "asset")
    (known,) = tracker.jobs
    assert (known.asset, known.is_awaited, known.failure) == ("asset", False, None)
    assert known.request == replace(REQUEST, variant="cube") and known.import_plan == NamedPlan(
        "plan"
    )


def test_an_event_may_be_faster_than_the_response_to_the_submission(
    tracker: JobTracker, job: TrackedJob
) -> None:
    tracker.observe(status("7", JobState.SUCCEEDED))
    before = tracker.jobs
    tracker.set_submitted(job.key, REQUEST, status("7"))
    (known,) = tracker.jobs
    assert len(before) == 2
    assert (known.key, known.state, known.needs_results) == (job.key, JobState.SUCCEEDED, True)


def test_a_running_job_has_the_newest_picture_of_what_it_makes(
    tracker: JobTracker, job: TrackedJob
) -> None:
    tracker.set_submitted(job.key, REQUEST, status("7"))
    first, second = PreviewImage("image/png", "YQ=="), PreviewImage("image/png", "Yg==")
    running = status("7", JobState.RUNNING)
    assert tracker.observe(running, first).unfinished is first
    assert tracker.observe(replace(running, progress=0.5)).unfinished is first
    assert tracker.observe(running, second).unfinished is second
    assert tracker.observe(status("7", JobState.SUCCEEDED)).unfinished is None


def test_final_states_stay(tracker: JobTracker) -> None:
    tracker.observe(status("7", JobState.CANCELLED))
    assert tracker.observe(status("7", JobState.RUNNING)).state is JobState.CANCELLED


def test_a_draft_that_fails_or_is_cancelled_ends(tracker: JobTracker, job: TrackedJob) -> None:
    other = new_job(REQUEST)
    tracker.add(other)
    tracker.set_failed(job.key, REFUSED)
    tracker.set_cancelled(other.key)
    failed, cancelled = tracker.take_ended()
    assert failed.state is JobState.FAILED and str(failed.failure) == str(REFUSED)
    assert isinstance(cancelled.failure, Cancelled)
    assert failed.attachments == job.attachments, "for a retry"
    assert not any(each.is_awaited for each in tracker.jobs)


def test_a_failed_download_or_import_leaves_the_services_state(
    tracker: JobTracker, job: TrackedJob, tmp_path: Path
) -> None:
    tracker.set_submitted(job.key, REQUEST, status("7", JobState.SUCCEEDED))
    tracker.set_failed(job.key, REFUSED)
    (ended,) = tracker.take_ended()
    assert ended.failure is REFUSED and ended.state is JobState.SUCCEEDED
    assert not tracker.get(job.key).needs_results
    tracker.request_import("7", NamedPlan("another"))
    tracker.set_results(job.key, tmp_path)
    (ended,) = tracker.take_ended()
    assert ended.failure is None and ended.import_plan == NamedPlan("another")
    tracker.set_import_failed(job.key, REFUSED)
    assert tracker.get("7").failure is REFUSED and not tracker.get("7").is_awaited


def test_downloads_of_checkpoints_end_without_results(tracker: JobTracker) -> None:
    job = new_job(DownloadRequest("mosaic"))
    tracker.add(job)
    done = replace(status("7", JobState.SUCCEEDED), kind=JobKind.DOWNLOAD)
    tracker.set_submitted(job.key, DownloadRequest("mosaic"), done)
    (ended,) = tracker.take_ended()
    assert ended.failure is None and not tracker.get(job.key).is_awaited


def test_cancelling_is_shown_until_the_job_has_ended(tracker: JobTracker, job: TrackedJob) -> None:
    tracker.set_submitted(job.key, REQUEST, status("7", JobState.RUNNING))
    tracker.set_cancelling("7")
    assert tracker.get("7").stage == "Cancelling"
    assert tracker.observe(status("7", JobState.CANCELLED)).stage == ""


def test_listing_drops_what_the_service_has_forgotten_but_not_what_is_awaited(
    tracker: JobTracker, job: TrackedJob
) -> None:
    draft = new_job(REQUEST)
    tracker.add(draft)
    tracker.set_submitted(job.key, REQUEST, status("7"))
    tracker.observe(status("1", JobState.SUCCEEDED))
    tracker.observe(status("2"))
    missing = tracker.observe_listing([status("2"), status("3")])
    assert [each.key for each in missing] == [job.key]
    assert {each.key for each in tracker.jobs} == {draft.key, job.key, "2", "3"}


@pytest.mark.parametrize("is_awaited", [True, False])
def test_a_list_that_is_older_than_a_job_does_not_drop_it(
    tracker: JobTracker, is_awaited: bool
) -> None:
    job = replace(new_job(REQUEST, Attachments({}), PLAN), is_awaited=is_awaited)
    tracker.add(job)
    tracker.set_submitted(job.key, REQUEST, status("7"))
    assert [each.key for each in tracker.observe_listing([])] == [job.key]
    tracker.observe(status("7", JobState.SUCCEEDED))
    assert tracker.get(job.key).needs_preview


def test_jobs_of_another_service_fail_if_they_are_awaited(
    tracker: JobTracker, job: TrackedJob
) -> None:
    draft = new_job(REQUEST)
    tracker.add(draft)
    tracker.set_submitted(job.key, REQUEST, status("7"))
    tracker.observe(status("8"))
    tracker.forget_submitted()
    assert {each.key for each in tracker.jobs} == {draft.key, job.key}
    assert isinstance(tracker.get(job.key).failure, NotFound)


def test_jobs_are_listed_newest_first_and_anew_only_after_a_change(tracker: JobTracker) -> None:
    for name, created in (("1", 3.0), ("2", 5.0), ("3", 4.0)):
        tracker.observe(status(name, created=created))
    before = tracker.jobs
    assert [job.key for job in before] == ["2", "3", "1"]
    tracker.observe(status("1", created=3.0))
    assert tracker.jobs is before
    tracker.observe(status("1", JobState.RUNNING, created=3.0))
    assert tracker.jobs is not before


def test_a_row_of_another_version_is_listed_without_a_request(tracker: JobTracker) -> None:
    tracker.observe(replace(status("7"), request={"prompt": "a chair", "novelty": 1}))
    assert tracker.get("7").request is None and tracker.get("7").title == "a chair"


def test_removed_jobs_are_unknown(tracker: JobTracker, job: TrackedJob, tmp_path: Path) -> None:
    tracker.set_submitted(job.key, REQUEST, status("7", JobState.SUCCEEDED))
    tracker.set_results(job.key, tmp_path)
    tracker.remove("7")
    assert tracker.take_ended() == [] and tracker.find(job.key) is None
    tracker.set_results(job.key, tmp_path)
    with pytest.raises(NotFound):
        tracker.get("7")


def test_waiting_ends_with_a_change_of_another_thread(tracker: JobTracker) -> None:
    def observe() -> None:
        while not done:
            tracker.observe(status("7", created=len(done)))
            tracker.remove("7")

    done: list[bool] = []
    thread = Thread(target=observe)
    thread.start()
    tracker.wait(60)
    done.append(True)
    thread.join()


@pytest.mark.parametrize("job", ["", "../..", "/etc", "a/b", "C:", "..", "a\\b"])
def test_an_id_that_names_no_folder_is_refused(job: str) -> None:
    with pytest.raises(InvalidRequest, match="no job's id"):
        status(job)
