"""The history: what was made before, with and without a running backend."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import bpy
import pytest

from blender_addon import api
from blender_addon.contract.protocol import (
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    JobState,
    Product,
)
from blender_addon.link.settings import BackendSettings
from blender_addon.link.snapshot import BackendState
from blender_addon.link.tracked_job import TrackedJob, new_job
from blender_addon.ui.history import JOBS_PER_PAGE, find_jobs, job_details, page_count, page_of
from tests.addon.panel import CARD, await_engines, await_preview

SPLATS = (Product.SPLATS,)
LATTICE = api.GenerationSettings("lattice", parameters={"seed": 5}, products=SPLATS)
CHAIR = new_job(GenerateRequest(prompt="A wooden CHAIR", engine="anvil", name="Throne"))
POINTS = new_job(ExtractRequest("", (Product.POINTS,), name="capture"))


def restart() -> None:
    """As another start of Blender would: nothing of the session is left."""
    api.shutdown()
    bpy.ops.wm.read_factory_settings(use_empty=True)


def listed(job: str) -> TrackedJob | None:
    return next((each for each in api.snapshot().jobs if each.status.id == job), None)


def test_words_are_looked_for_in_prompt_name_engine_and_state() -> None:
    jobs = [CHAIR, POINTS, new_job(DownloadRequest("anvil"))]
    assert find_jobs(jobs, "") == [CHAIR, POINTS], "what is about checkpoints is left out"
    for text in ("chair wood", "throne", "ANVIL", "queued chair"):
        assert find_jobs(jobs, text)[0] is CHAIR
    assert find_jobs(jobs, "points capture") == [POINTS]
    assert find_jobs(jobs, "chair table") == []
    titled = replace(CARD, title="Hammer & Co")
    assert find_jobs(jobs, "hammer", [titled]) == [CHAIR]


def test_pages_end_with_the_jobs() -> None:
    jobs = [CHAIR] * JOBS_PER_PAGE + [POINTS]
    assert (page_count(0), page_count(JOBS_PER_PAGE), page_count(len(jobs))) == (1, 1, 2)
    assert page_of(jobs, 1) == [CHAIR] * JOBS_PER_PAGE
    assert page_of(jobs, 2) == page_of(jobs, 9) == [POINTS]
    assert page_of([], 3) == []


def test_a_job_tells_its_engine_and_time() -> None:
    created = time.mktime((2026, 11, 5, 9, 7, 0, 0, 0, -1))
    chair = replace(CHAIR, status=replace(CHAIR.status, created=created))
    assert job_details(chair) == ("anvil", "2026-11-05 09:07")
    assert job_details(chair, [CARD]) == ("Anvil", "2026-11-05 09:07")
    assert job_details(POINTS)[0] == "Extract"


def test_everything_but_new_work_goes_on_without_the_backend(registered: None) -> None:
    api.start()
    await_engines()
    asset = api.generate("a cube", settings=LATTICE, placement=api.Placement((3, 0, 0), size=2.0))
    await_preview(asset.job)
    restart()
    assert api.snapshot().state is BackendState.STOPPED
    await_engines()

    job = listed(asset.job)
    assert job is not None and job.title == "a cube" and job.state is JobState.SUCCEEDED
    assert job.preview is not None and job.preview.read_bytes().startswith(b"\x89PNG")
    assert find_jobs(api.snapshot().jobs, "cube lattice", api.snapshot().engines)[0] is job
    assert bpy.ops.splatsmith.use_job_settings(job=job.key) == {"FINISHED"}
    panel = bpy.context.scene.splatsmith
    assert (panel.prompt, panel.engine) == ("a cube", "lattice")
    assert panel.generation_settings().parameters["seed"] == 5

    again = api.wait_for(api.import_job(job.key)).objects[Product.SPLATS]
    assert max(again.dimensions) == pytest.approx(2.0, rel=0.2)
    assert api.result_folder(job.key).is_dir()
    assert api.snapshot().state is BackendState.STOPPED


def test_what_is_removed_without_the_backend_does_not_come_back(
    session: None, await_true: Callable[[Callable[[], bool]], None]
) -> None:
    kept, removed = (api.generate(name, settings=LATTICE).job for name in ("kept", "removed"))
    restart()
    await_true(lambda: listed(removed) is not None)
    api.remove(removed)
    await_true(lambda: listed(removed) is None)
    assert api.snapshot().state is BackendState.STOPPED
    restart()
    await_true(lambda: listed(kept) is not None)
    assert listed(removed) is None
    api.generate("another", settings=LATTICE)
    assert listed(kept) is not None and listed(removed) is None


def test_jobs_beyond_the_first_page_of_the_service_are_listed(
    session: None,
    backend_settings: BackendSettings,
    await_true: Callable[[Callable[[], bool]], None],
) -> None:
    oldest = api.generate("the oldest", settings=LATTICE).job
    api.shutdown()
    (database,) = backend_settings.folder.rglob("jobs.sqlite")
    with closing(sqlite3.connect(database)) as store, store:
        columns = "kind, state, title, request, created, started, finished, client_data"
        for number in range(320):
            store.execute(
                f"INSERT INTO jobs (id, {columns}) SELECT ?, {columns} FROM jobs WHERE id = ?",
                (f"copy{number}", oldest),
            )
    api.start()
    await_true(lambda: len(api.snapshot().jobs) > 320)
    restart()
    await_true(lambda: listed("copy0") is not None and listed(oldest) is not None)


def test_results_are_placed_exactly_where_they_are_dropped(session: None) -> None:
    asset = api.generate("a cube", settings=LATTICE, placement=api.Placement((3, 0, 0), size=0.5))
    placed = api.wait_for(api.import_job(asset.job, location=(-2, 1, 4)))
    first, second = asset.objects[Product.SPLATS], placed.objects[Product.SPLATS]
    assert tuple(second.location - first.location) == pytest.approx((-5, 1, 4), abs=1e-5)
    assert second.dimensions == first.dimensions
    assert api.planned_size(asset.job) == 0.5

    points = api.extract(second, (Product.POINTS,))
    assert api.planned_size(points.job) == 1.0
    dropped = api.wait_for(api.import_job(points.job, location=(7, 7, 0)))
    bpy.context.view_layer.update()
    (cloud,) = dropped.objects.values()
    assert cloud.matrix_world.translation[:2] == pytest.approx((7, 7), abs=0.2)
    assert max(cloud.dimensions) == pytest.approx(0.5, rel=0.3)
