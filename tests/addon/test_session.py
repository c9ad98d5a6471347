"""Jobs under way: cancelled, interrupted, taken up again, shared by two Blenders."""

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

import pytest

from blender_addon import api
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import JobState, JobStatus, Product
from blender_addon.job_tracker import Cancelled
from blender_addon.link.client import Address
from blender_addon.link.snapshot import BackendState, LinkSettings

pytestmark = pytest.mark.once

PATIENCE = 90.0
SPLATS = (Product.SPLATS,)
ENDLESS = api.Recipe("lattice", parameters={"steps": 10_000, "pause": 0.1}, products=SPLATS)
SHORT = api.Recipe("lattice", parameters={"steps": 20, "pause": 0.1}, products=SPLATS)


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, api.snapshot()
        time.sleep(0.02)


def newest() -> JobStatus:
    return api.snapshot().jobs[0]


def submit_and_await_work(recipe: api.Recipe, prompt: str = "a chair") -> str:
    key = api.submit(prompt, recipe=recipe)
    await_true(lambda: newest().stage == "Generating" or newest().state.is_final)
    assert newest().state is JobState.RUNNING, newest()
    return key


def service_pid(settings: LinkSettings, blender: int) -> int:
    """The process of the service that the Blender with that process id started."""
    state = settings.folder / "service" / f"service-{blender}.json"
    return json.loads(state.read_text(encoding="utf-8"))["pid"]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_order_is_listed_at_once(desk: None) -> None:
    key = api.submit("a chair", recipe=ENDLESS)
    assert newest().title == "a chair" and newest().state is JobState.QUEUED
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)


def test_cancel_stops_between_steps(desk: None) -> None:
    key = submit_and_await_work(ENDLESS)
    api.cancel(newest().id)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    assert newest().state is JobState.CANCELLED


def test_cancelling_is_told_while_the_worker_finishes_its_step(desk: None) -> None:
    slow = api.Recipe("lattice", parameters={"steps": 50, "pause": 1.0}, products=SPLATS)
    key = submit_and_await_work(slow)
    api.cancel(key)
    await_true(lambda: newest().stage == "Cancelling")
    with pytest.raises(Cancelled):
        api.wait_for(key)
    assert newest().stage != "Cancelling"


def test_second_order_waits_for_the_first(desk: None) -> None:
    first = submit_and_await_work(ENDLESS, "first")
    second = api.submit("second", recipe=SHORT)
    await_true(lambda: newest().title == "second" and newest().stage != "Sending")
    assert newest().state is JobState.QUEUED
    api.cancel(first)
    assert api.wait_for(second).name == "second"


def test_removed_job_is_gone_with_its_files(desk: None) -> None:
    asset = api.generate("to be removed", recipe=SHORT)
    api.remove(asset.job)
    await_true(lambda: asset.job not in {job.id for job in api.snapshot().jobs})
    assert not asset.source.exists()
    assert asset.objects[Product.SPLATS].name == "to be removed.splats"


def test_cancelled_job_can_be_tried_again(desk: None) -> None:
    key = submit_and_await_work(SHORT)
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for(key)
    assert api.wait_for(api.retry(newest().id)).name == "a chair"


def test_finished_job_can_be_imported_again(desk: None) -> None:
    asset = api.generate("a twin", recipe=SHORT)
    again = api.wait_for(api.import_job(asset.job))
    assert again.objects[Product.SPLATS].name == "a twin.splats.001"


def test_preview_of_a_finished_job_is_at_hand(desk: None) -> None:
    asset = api.generate("a chair", recipe=SHORT)
    assert api.snapshot().previews[asset.job].read_bytes().startswith(b"\x89PNG")


def test_job_survives_the_death_of_the_service(desk: None, settings: LinkSettings) -> None:
    key = submit_and_await_work(SHORT, "a survivor")
    os.kill(service_pid(settings, os.getpid()), signal.SIGKILL)
    await_true(lambda: api.snapshot().state is BackendState.FAILED)
    problem = api.snapshot().problem
    assert problem is not None and "ended by itself" in problem.sentence
    api.start()
    assert api.wait_for(key).name == "a survivor"
    assert api.snapshot().problem is None


def test_stopped_backend_takes_jobs_up_again(desk: None, settings: LinkSettings) -> None:
    key = submit_and_await_work(SHORT, "interrupted")
    pid = service_pid(settings, os.getpid())
    api.stop()
    await_true(lambda: api.snapshot().state is BackendState.STOPPED)
    assert not is_running(pid)
    api.start()
    assert api.wait_for(key).name == "interrupted"


def test_generate_starts_a_stopped_backend(desk: None) -> None:
    api.stop()
    await_true(lambda: api.snapshot().state is BackendState.STOPPED)
    assert api.generate("a chair", recipe=SHORT).objects


def test_unreachable_remote_backend_is_told(settings: LinkSettings, desk: None) -> None:
    nobody = replace(settings, remote=Address("http://127.0.0.1:9", "no token"))
    api.configure(nobody)
    try:
        with pytest.raises(SplatsmithError, match="does not answer"):
            api.generate("a chair")
        assert api.snapshot().state is BackendState.FAILED
    finally:
        api.configure(settings)


BLENDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import bpy
from blender_addon import api
from blender_addon.contract.protocol import Product
from blender_addon.link.snapshot import LinkSettings
folder, backend, environment, steps = sys.argv[2:]
api.configure(LinkSettings(Path(folder), Path(backend), environment=Path(environment)))
parameters = {"steps": int(steps), "pause": 0.1}
recipe = api.Recipe("lattice", parameters=parameters, products=(Product.SPLATS,))
key = api.submit("from another Blender", recipe=recipe)
while api.snapshot().jobs[0].stage != "Generating":
    pass
print("working", flush=True)
print(api.wait_for(key).name, flush=True)
"""


def another_blender(settings: LinkSettings, project: Path, steps: int) -> subprocess.Popen[str]:
    arguments = [project, settings.folder, settings.backend, settings.environment, steps]
    return subprocess.Popen(
        [sys.executable, "-c", BLENDER, *map(str, arguments)],
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


def test_two_blenders_work_at_once(desk: None, settings: LinkSettings, project: Path) -> None:
    with another_blender(settings, project, 20) as other:
        mine = api.generate("from this Blender", recipe=SHORT)
        assert read_line(other) == "working"
        assert read_line(other) == "from another Blender"
    assert other.returncode == 0
    assert mine.name == "from this Blender"


def test_no_process_survives_a_killed_blender(
    settings: LinkSettings, project: Path, tmp_path: Path
) -> None:
    alone = replace(settings, folder=tmp_path / "alone")
    with another_blender(alone, project, 10_000) as other:
        assert read_line(other) == "working"
        pid = service_pid(alone, other.pid)
        other.kill()
    await_true(lambda: not is_running(pid))
