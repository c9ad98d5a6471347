"""Jobs while they run: cancelled, interrupted, resumed, in two Blenders at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from mathutils import Vector

from blender_addon import api
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import JobState, Product
from blender_addon.link.address import Address
from blender_addon.link.errors import Cancelled
from blender_addon.link.settings import BackendSettings
from blender_addon.link.snapshot import BackendState
from blender_addon.link.tracked_job import TrackedJob

pytestmark = pytest.mark.once

TIMEOUT = 90.0
SPLATS = (Product.SPLATS,)
ENDLESS = api.GenerationSettings(
    "lattice", parameters={"steps": 10_000, "pause": 0.1}, products=SPLATS
)
SHORT = api.GenerationSettings("lattice", parameters={"steps": 20, "pause": 0.1}, products=SPLATS)


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, api.snapshot()
        time.sleep(0.02)


def newest() -> TrackedJob:
    return api.snapshot().jobs[0]


def submit_and_await_work(settings: api.GenerationSettings, prompt: str = "a chair") -> str:
    key = api.submit(prompt, settings=settings)
    await_true(lambda: newest().stage == "Generating" or newest().state.is_final)
    assert newest().state is JobState.RUNNING, newest()
    return key


def find(key: str) -> TrackedJob:
    return next(job for job in api.snapshot().jobs if job.key == key)


def service_pid(backend_settings: BackendSettings, blender: int) -> int:
    """The process of the service that the Blender with that process id started."""
    state = backend_settings.folder / "service" / f"service-{blender}.json"
    return json.loads(state.read_text(encoding="utf-8"))["pid"]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_submitted_job_is_listed_at_once(session: None) -> None:
    key = api.submit("a chair", settings=ENDLESS)
    assert newest().title == "a chair" and newest().state is JobState.QUEUED
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)


def test_cancel_stops_between_steps(session: None) -> None:
    key = submit_and_await_work(ENDLESS)
    api.cancel(newest().key)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    assert newest().state is JobState.CANCELLED


def test_cancelling_is_shown_while_the_worker_finishes_its_step(session: None) -> None:
    slow = api.GenerationSettings(
        "lattice", parameters={"steps": 50, "pause": 1.0}, products=SPLATS
    )
    key = submit_and_await_work(slow)
    api.cancel(key)
    await_true(lambda: newest().stage == "Cancelling")
    with pytest.raises(Cancelled):
        api.wait_for(key)
    assert newest().stage != "Cancelling"


def test_second_job_waits_for_the_first(session: None) -> None:
    first = submit_and_await_work(ENDLESS, "first")
    second = api.submit("second", settings=SHORT)
    await_true(lambda: newest().title == "second" and newest().stage != "Sending")
    assert newest().state is JobState.QUEUED
    api.cancel(first)
    assert api.wait_for(second).name == "second"


def test_removing_a_job_deletes_its_files(session: None) -> None:
    asset = api.generate("to be removed", settings=SHORT)
    api.remove(asset.job)
    await_true(lambda: asset.job not in {job.status.id for job in api.snapshot().jobs})
    assert not asset.source.exists()
    assert asset.objects[Product.SPLATS].name == "to be removed.splats"


def test_cancelled_job_can_be_retried(session: None) -> None:
    key = submit_and_await_work(SHORT)
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    assert api.wait_for(api.retry(newest().key)).name == "a chair"


def test_retry_keeps_place_size_visibility_and_products(session: None) -> None:
    both = replace(SHORT, products=(Product.SPLATS, Product.POINTS))
    place = api.Placement((1, 2, 3), size=0.25)
    key = api.submit(
        "kept", settings=both, placement=place, post_import=api.PostImport(False, True)
    )
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    bpy.context.scene.cursor.location = (9, 9, 9)
    objects = api.wait_for(api.retry(key)).objects
    bpy.context.view_layer.update()
    splats, points = objects[Product.SPLATS], objects[Product.POINTS]
    assert (splats.visible_get(), points.visible_get()) == (True, False)
    assert max(points.dimensions) == pytest.approx(0.25, rel=0.3)
    assert points.matrix_world.translation[:2] == pytest.approx((1, 2), abs=0.2)


def test_job_refused_before_its_upload_can_be_retried_with_its_picture(
    session: None, backend_settings: BackendSettings
) -> None:
    api.configure(replace(backend_settings, remote=Address("http://127.0.0.1:9", "no token")))
    picture = Path(__file__).parents[2] / "blender_addon/demo_picture.png"
    key = api.submit(picture=picture, settings=SHORT)
    with pytest.raises(SplatsmithError, match="does not answer"):
        api.wait_for(key)
    api.configure(backend_settings)
    assert api.wait_for(api.retry(key)).name == "demo_picture"


def test_job_survives_a_change_of_the_preferences(
    session: None, backend_settings: BackendSettings
) -> None:
    """It is finished by the service that runs it; what is submitted later gets the new one."""
    key = submit_and_await_work(SHORT, "unimpressed")
    pid, started = service_pid(backend_settings, os.getpid()), newest().status.started
    api.configure(replace(backend_settings, device="auto", accelerator="cpu"))
    try:
        later = api.submit("later", settings=SHORT)
        await_true(lambda: "preferences" in newest().stage)
        cancelled = api.submit("cancelled", settings=SHORT)
        api.cancel(cancelled)
        assert api.wait_for(key).name == "unimpressed"
        assert find(key).status.started == started and is_running(pid)
        assert api.wait_for(later).name == "later"
        assert find(cancelled).state is JobState.CANCELLED
        assert service_pid(backend_settings, os.getpid()) != pid and not is_running(pid)
    finally:
        api.configure(backend_settings)


def test_preferences_that_wait_are_used_after_a_stop(
    session: None, backend_settings: BackendSettings
) -> None:
    key = submit_and_await_work(SHORT, "interrupted")
    pid = service_pid(backend_settings, os.getpid())
    api.configure(replace(backend_settings, device="auto"))
    api.stop()
    await_true(lambda: api.snapshot().state is BackendState.STOPPED and not is_running(pid))
    try:
        api.start()
        assert api.wait_for(key).name == "interrupted"
    finally:
        api.configure(backend_settings)


def test_imported_again_an_asset_keeps_its_place_and_size(session: None) -> None:
    asset = api.generate("small", settings=SHORT, placement=api.Placement((5, 5, 0), size=0.5))
    bpy.context.scene.cursor.location = (-4, 0, 0)
    again = api.wait_for(api.import_job(asset.job)).objects[Product.SPLATS]
    first = asset.objects[Product.SPLATS]
    bpy.context.view_layer.update()
    assert again.dimensions == first.dimensions and again.location == first.location
    moved = api.wait_for(api.import_job(asset.job, at_cursor=True)).objects[Product.SPLATS]
    bpy.context.view_layer.update()
    assert moved.dimensions == first.dimensions
    assert moved.location - first.location == Vector((-9, -5, 0))


def test_order_is_kept_through_a_restart(session: None, backend_settings: BackendSettings) -> None:
    """Place, size, visibility and products, of jobs that another Blender submitted too."""
    both = replace(SHORT, products=(Product.SPLATS, Product.POINTS))
    placement = api.Placement((5, 5, 0), size=0.5)
    hidden = api.PostImport(show_one=True)
    asset = api.generate("kept", settings=both, placement=placement, post_import=hidden)
    taken = api.extract(asset.objects[Product.SPLATS], (Product.POINTS,)).job
    place = asset.objects[Product.SPLATS].location.copy()
    api.shutdown()  # what this session knows is gone
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.cursor.location = (-4, 0, 0)
    api.start()
    await_true(lambda: any(job.status.id == asset.job for job in api.snapshot().jobs))
    for again in (api.import_job(asset.job), api.retry(asset.job)):
        objects = api.wait_for(again).objects
        assert set(objects) == set(both.products)
        assert objects[Product.SPLATS].location == place
        assert max(objects[Product.POINTS].dimensions) == pytest.approx(0.5, rel=0.3)
        assert not objects[Product.POINTS].visible_get()
    (points,) = api.wait_for(api.import_job(taken)).objects.values()
    assert points.name.startswith("kept.points") and points.location == place


def test_snapshot_is_the_same_object_while_nothing_changes(session: None) -> None:
    api.generate("a chair", settings=SHORT)
    await_true(lambda: newest().preview is not None)
    time.sleep(1)
    assert api.snapshot() is api.snapshot()


def test_finished_job_can_be_imported_again(session: None) -> None:
    asset = api.generate("a twin", settings=SHORT)
    again = api.wait_for(api.import_job(asset.job))
    assert again.objects[Product.SPLATS].name == "a twin.splats.001"


def test_preview_of_a_finished_job_is_downloaded(session: None) -> None:
    asset = api.generate("a chair", settings=SHORT)
    await_true(lambda: newest().preview is not None)
    assert newest().status.id == asset.job
    assert newest().preview.read_bytes().startswith(b"\x89PNG")


def test_job_survives_a_crash_of_the_service(
    session: None, backend_settings: BackendSettings
) -> None:
    key = submit_and_await_work(SHORT, "a survivor")
    os.kill(service_pid(backend_settings, os.getpid()), signal.SIGKILL)
    await_true(lambda: api.snapshot().state is BackendState.FAILED)
    problem = api.snapshot().problem
    assert problem is not None and "ended by itself" in problem.sentence
    api.start()
    assert api.wait_for(key).name == "a survivor"
    assert api.snapshot().problem is None


def test_restarted_backend_resumes_jobs(session: None, backend_settings: BackendSettings) -> None:
    key = submit_and_await_work(SHORT, "interrupted")
    pid = service_pid(backend_settings, os.getpid())
    api.stop()
    await_true(lambda: api.snapshot().state is BackendState.STOPPED)
    assert not is_running(pid)
    api.start()
    assert api.wait_for(key).name == "interrupted"


def test_generate_starts_a_stopped_backend(session: None) -> None:
    api.stop()
    await_true(lambda: api.snapshot().state is BackendState.STOPPED)
    assert api.generate("a chair", settings=SHORT).objects


def test_unreachable_remote_backend_is_reported(
    backend_settings: BackendSettings, session: None
) -> None:
    unreachable = replace(backend_settings, remote=Address("http://127.0.0.1:9", "no token"))
    api.configure(unreachable)
    try:
        with pytest.raises(SplatsmithError, match="does not answer"):
            api.generate("a chair")
        assert api.snapshot().state is BackendState.FAILED
    finally:
        api.configure(backend_settings)


BLENDER = """
import os
import sys
import threading
from pathlib import Path

def end_with_the_tests():
    sys.stdin.read()
    os._exit(1)

threading.Thread(target=end_with_the_tests, daemon=True).start()
sys.path.insert(0, sys.argv[1])
import bpy
from blender_addon import api
from blender_addon.contract.protocol import Product
from blender_addon.link.settings import BackendSettings
folder, backend, environment, steps = sys.argv[2:]
api.configure(BackendSettings(Path(folder), Path(backend), environment=Path(environment)))
parameters = {"steps": int(steps), "pause": 0.1}
settings = api.GenerationSettings("lattice", parameters=parameters, products=(Product.SPLATS,))
key = api.submit("from another Blender", settings=settings)
while api.snapshot().jobs[0].stage != "Generating":
    pass
print("working", flush=True)
print(api.wait_for(key).name, flush=True)
"""


def another_blender(
    backend_settings: BackendSettings, project: Path, steps: int
) -> subprocess.Popen[str]:
    arguments = [
        project,
        backend_settings.folder,
        backend_settings.backend,
        backend_settings.environment,
        steps,
    ]
    return subprocess.Popen(
        [sys.executable, "-c", BLENDER, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() in ("working", "from another Blender"):
            return line.strip()
    return ""


def test_two_blenders_work_at_once(
    session: None, backend_settings: BackendSettings, project: Path
) -> None:
    with another_blender(backend_settings, project, 20) as other:
        mine = api.generate("from this Blender", settings=SHORT)
        assert read_line(other) == "working"
        assert read_line(other) == "from another Blender"
        assert other.wait(60) == 0
    assert mine.name == "from this Blender"


def test_no_process_survives_a_killed_blender(
    backend_settings: BackendSettings, project: Path, tmp_path: Path
) -> None:
    alone = replace(backend_settings, folder=tmp_path / "alone")
    with another_blender(alone, project, 10_000) as other:
        assert read_line(other) == "working"
        pid = service_pid(alone, other.pid)
        other.kill()
    await_true(lambda: not is_running(pid))
