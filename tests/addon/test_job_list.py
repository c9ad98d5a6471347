"""What the list of jobs says of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from blender_addon.contract.protocol import (
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    JobState,
    Product,
)
from blender_addon.link.job_progress import queue_position, seconds_left
from blender_addon.link.snapshot import BackendState, SessionSnapshot
from blender_addon.link.tracked_job import NOTHING, TrackedJob, new_job
from blender_addon.ui.job_list import JOBS_PER_PAGE, clamp_page, job_line, job_title, time_text
from blender_addon.ui.timer import import_hindrance

EDITING = "Comes in when you return to Object Mode"


def job(state: JobState, created: float = 0.0, **status: object) -> TrackedJob:
    """A job at the service, of the prompt "a chair"."""
    draft = new_job(GenerateRequest(prompt="a chair", products=(Product.SPLATS,)), NOTHING)
    at_service = replace(draft.status, state=state, created=created, stage="", **status)
    return replace(draft, status=at_service, attachments=None)


def done(seconds: float, created: float = 0.0) -> TrackedJob:
    return job(JobState.SUCCEEDED, created, started=100.0, finished=100.0 + seconds)


def running(progress: float = 0.5, started: float = 1000.0) -> TrackedJob:
    return job(JobState.RUNNING, 5.0, progress=progress, started=started)


def snapshot(*jobs: TrackedJob, state: BackendState = BackendState.RUNNING) -> SessionSnapshot:
    return SessionSnapshot(state, jobs=jobs)


def test_the_position_counts_the_running_job_and_the_earlier_ones() -> None:
    first, second = job(JobState.QUEUED, 10.0), job(JobState.QUEUED, 20.0)
    jobs = [second, first, running(), done(3.0)]
    assert [queue_position(each, jobs) for each in (first, second)] == [1, 2]
    assert job_line(first, snapshot(*jobs), "") == "Waiting: next"
    assert job_line(second, snapshot(*jobs), "") == "Waiting: 2 jobs before it"


def test_past_jobs_like_it_tell_the_time_left() -> None:
    jobs = [running(), done(30.0), done(20.0), done(90.0), job(JobState.FAILED)]
    assert seconds_left(jobs[0], jobs, now=1010.0) == pytest.approx(20.0)
    assert seconds_left(jobs[0], jobs, now=1500.0) == 0.0


def test_the_newest_past_jobs_count() -> None:
    jobs = [running(), *(done(10.0) for _ in range(5)), *(done(500.0) for _ in range(9))]
    assert seconds_left(jobs[0], jobs, now=1000.0) == pytest.approx(10.0)


def test_jobs_of_other_work_do_not_tell_the_time_left() -> None:
    meshes = GenerateRequest(prompt="a chair", products=(Product.MESH,))
    others = [
        replace(done(500.0), request=replace(meshes, engine="diffsplat")),
        replace(done(500.0), request=meshes),
    ]
    assert seconds_left(running(0.5), others, now=1010.0) == pytest.approx(10.0)
    assert seconds_left(running(0.1), others, now=1010.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "a few seconds"),
        (4.9, "a few seconds"),
        (18.0, "about 20 s"),
        (54.0, "about 55 s"),
        (59.0, "about 1 min"),
        (200.0, "about 3 min"),
    ],
)
def test_times_are_told_in_steps(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.parametrize("state", [BackendState.STOPPED, BackendState.FAILED])
@pytest.mark.parametrize("of_job", [JobState.QUEUED, JobState.RUNNING])
def test_without_a_backend_jobs_are_paused(state: BackendState, of_job: JobState) -> None:
    line = job_line(job(of_job), snapshot(state=state), "")
    assert line == "Paused until the backend is started"


def test_a_job_that_is_being_cancelled_says_so() -> None:
    assert job_line(replace(running(), is_cancelling=True), snapshot(), "") == "Cancelling"


def test_results_that_wait_for_the_user_say_so() -> None:
    waiting = replace(done(3.0), results=Path("results"), is_awaited=True)
    assert job_line(waiting, snapshot(waiting), EDITING) == EDITING
    assert job_line(waiting, snapshot(waiting), "") == ""
    assert job_line(replace(waiting, is_awaited=False), snapshot(waiting), EDITING) == ""


def test_an_import_waits_for_object_mode(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add()
    assert import_hindrance() == ""
    for mode in ("EDIT", "SCULPT"):
        bpy.ops.object.mode_set(mode=mode)
        assert import_hindrance() == EDITING
    bpy.ops.object.mode_set(mode="OBJECT")


def test_pages_end_with_the_jobs() -> None:
    pages = [clamp_page(page, 2 * JOBS_PER_PAGE + 1) for page in (-1, 0, 1, 2, 3, 99)]
    assert pages == [0, 0, 1, 2, 2, 2]
    assert clamp_page(3, 0) == 0


def test_titles_say_what_is_extracted() -> None:
    request = ExtractRequest("", (Product.MESH, Product.POINTS), ExtractionOptions(), "capture")
    extraction = new_job(request)
    assert job_title(extraction) == "Mesh and points from capture"
    assert job_title(done(1.0)) == "a chair"
