"""Checkpoints from Blender: listed, licensed, downloaded from a hub on localhost, and used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from blender_addon import api, ui
from blender_addon.contract.checkpoints import CheckpointState
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import DownloadRequest, JobKind, JobState, Product
from blender_addon.link.settings import BackendSettings
from blender_addon.ui.checkpoints import SPLATSMITH_PT_checkpoints, open_licences
from blender_addon.ui.operators import generate_disabled_reason
from blender_addon.ui.properties import engine_group, show_engines
from blender_addon.ui.required_checkpoints import hub_checkpoints, import_hint, missing_checkpoints
from tests.backend.weights.mirror import Mirror, running
from tests.backend.weights.published import TOKEN, new_mirror

TIMEOUT = 90.0
MOSAIC = api.GenerationSettings("mosaic", products=(Product.SPLATS,))
BOTH = DownloadRequest("mosaic", "small", ("mosaic-words", "mosaic-small"), accept_licence=True)
LOCKED = DownloadRequest("mosaic", "small", ("mosaic-locked",))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with running(new_mirror()) as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        monkeypatch.setenv("SPLATSMITH_DATA", str(tmp_path / "data"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
            monkeypatch.delenv(name, raising=False)
        yield serving


@pytest.fixture
def fresh(backend_settings: BackendSettings, tmp_path: Path, mirror: Mirror) -> BackendSettings:
    """Settings of a backend without downloads."""
    return replace(backend_settings, folder=tmp_path / "files")


@pytest.fixture
def own_backend(scene: bpy.types.Scene, fresh: BackendSettings) -> Iterator[None]:
    api.configure(fresh)
    yield
    api.shutdown()


@pytest.fixture
def panel(own_backend: None) -> Iterator[bpy.types.PropertyGroup]:
    """The panel's settings with the mosaic engine and a prompt."""
    ui.register()
    api.start()
    await_true(lambda: bool(api.snapshot().weights))
    show_engines(api.snapshot().engines)
    settings = bpy.context.scene.splatsmith
    settings.engine, settings.prompt = "mosaic", "a wall"
    yield settings
    ui.unregister()


@pytest.fixture
def online(scene: bpy.types.Scene) -> Iterator[None]:
    system = bpy.context.preferences.system
    system.use_online_access = True
    yield
    system.use_online_access = False


def await_true(condition) -> None:  # noqa: ANN001
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, api.snapshot()
        time.sleep(0.02)


def states() -> dict[str, CheckpointState]:
    return {status.id: status.state for status in api.snapshot().weights}


def test_missing_checkpoints_are_reported_then_downloaded_then_used(
    online: None, own_backend: None
) -> None:
    with pytest.raises(SplatsmithError, match="Mosaic's words is not here"):
        api.generate("a wall", settings=MOSAIC)

    api.download(BOTH)

    (splats,) = api.generate("a wall", settings=MOSAIC).objects.values()
    assert splats["splatsmith_licence"] == "MIT; Mosaic Licence"
    assert splats["splatsmith_commercial_use"] == "forbidden"


def test_nothing_is_downloaded_while_blender_is_offline(own_backend: None, mirror: Mirror) -> None:
    assert not bpy.app.online_access
    with pytest.raises(SplatsmithError, match="stay offline"):
        api.submit_download(BOTH)
    assert mirror.asked == []


def test_download_restarts_a_backend_that_was_started_offline(
    online: None, own_backend: None, fresh: BackendSettings
) -> None:
    api.configure(replace(fresh, offline=True))
    api.start()
    await_true(lambda: bool(api.snapshot().weights))

    api.download(BOTH)

    await_true(lambda: states()["mosaic-small"] is CheckpointState.PRESENT)


def test_hub_token_gives_access_to_a_gated_checkpoint(
    online: None, own_backend: None, fresh: BackendSettings, tmp_path: Path
) -> None:
    with pytest.raises(SplatsmithError, match="there is no token"):
        api.download(LOCKED)
    chosen = replace(fresh, hub_token=TOKEN)
    api.configure(chosen)

    api.download(LOCKED)

    assert TOKEN not in repr(chosen)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_panel_lists_missing_checkpoints(panel: bpy.types.PropertyGroup) -> None:
    now = api.snapshot()
    assert SPLATSMITH_PT_checkpoints.poll(bpy.context)
    assert [c.id for c in hub_checkpoints(panel)] == [
        "mosaic-words",
        "mosaic-small",
        "mosaic-locked",
    ]
    assert [c.id for c in missing_checkpoints(panel, now)] == ["mosaic-words", "mosaic-small"]
    assert [each.name for each in open_licences(hub_checkpoints(panel), now)] == ["Mosaic Licence"]
    assert "Download its checkpoints" in generate_disabled_reason(panel, now)
    engine_group(panel).variant = "large"
    assert "mosaic-large" in [c.id for c in missing_checkpoints(panel, now)]
    panel.picture = bpy.data.images.new("picture", 8, 8)
    assert "mosaic-locked" in [c.id for c in missing_checkpoints(panel, now)]
    panel.engine = "sprout"
    assert not SPLATSMITH_PT_checkpoints.poll(bpy.context)
    assert missing_checkpoints(panel, now) == ()


def test_download_is_disabled_while_blender_is_offline(panel: bpy.types.PropertyGroup) -> None:
    assert not bpy.ops.splatsmith.download.poll()


def test_download_asks_for_the_licence_once(online: None, panel: bpy.types.PropertyGroup) -> None:
    with pytest.raises(RuntimeError, match="Mosaic Licence has not been accepted"):
        bpy.ops.splatsmith.download()

    assert bpy.ops.splatsmith.download(accept=True) == {"FINISHED"}

    await_true(lambda: states()["mosaic-small"] is CheckpointState.PRESENT)
    assert generate_disabled_reason(panel, api.snapshot()) == ""
    engine_group(panel).variant = "large"
    assert bpy.ops.splatsmith.download(checkpoint="mosaic-large") == {"FINISHED"}
    await_true(lambda: states()["mosaic-large"] is CheckpointState.PRESENT)
    with pytest.raises(RuntimeError, match="Nothing is missing"):
        bpy.ops.splatsmith.download()


def test_download_can_be_cancelled_and_retried(
    online: None, own_backend: None, mirror: Mirror
) -> None:
    mirror.holds["encoder/model.safetensors"] = 100
    key = api.submit_download(BOTH)
    assert mirror.reached.wait(TIMEOUT)
    (job,) = api.snapshot().jobs
    assert job.status.kind is JobKind.DOWNLOAD
    api.cancel(key)
    await_true(lambda: api.snapshot().jobs[0].state is JobState.CANCELLED)
    mirror.holds.clear()

    api.retry(key)

    await_true(lambda: states()["mosaic-small"] is CheckpointState.PRESENT)


def test_an_engine_without_published_weights_asks_for_a_file_of_ones_own(
    own_backend: None,
) -> None:
    ui.register()
    api.start()
    await_true(lambda: bool(api.snapshot().weights))
    show_engines(api.snapshot().engines)
    settings = bpy.context.scene.splatsmith
    settings.engine = "zero1tog"
    now = api.snapshot()
    try:
        hint = import_hint(settings, now)
        assert hint.startswith("No weights of Zero-1-to-G are published.")
        assert hint.endswith("splatsmith weights import FILE zero1tog-concatenated-5")
        imported = replace(
            now,
            weights=tuple(
                replace(each, state=CheckpointState.PRESENT)
                if each.id == "zero1tog-concatenated-5"
                else each
                for each in now.weights
            ),
        )
        assert import_hint(settings, imported) == ""
        missing = {each.id for each in missing_checkpoints(settings, imported)}
        assert missing == {"zero1tog-zero123plus"}
    finally:
        ui.unregister()
