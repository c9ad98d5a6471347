"""The first hour: installing from the panel, and the first result, which is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon import api
from blender_addon.link.address import Address
from blender_addon.link.settings import BackendSettings
from blender_addon.link.snapshot import BackendState, SessionSnapshot
from blender_addon.ui import first_run, timer
from blender_addon.ui.installation import generate_label, installation_lines
from blender_addon.ui.operators import generate_disabled_reason
from blender_addon.ui.preferences import preferences, remote_address
from blender_addon.ui.view_framing import box_points, is_any_in_view, show_objects
from tests.addon.panel import await_engines, poll_until_ended


def generate_at_cursor() -> list[bpy.types.Object]:
    """Order through the operator, as the panel does, and wait for the objects."""
    api.start()
    await_engines()
    before = set(bpy.data.objects)
    settings = bpy.context.scene.splatsmith
    settings.prompt, settings.engine, settings.products = "a bench", "lattice", {"splats", "points"}
    assert bpy.ops.splatsmith.generate() == {"FINISHED"}
    poll_until_ended()
    return sorted(set(bpy.data.objects) - before, key=lambda obj: obj.name)


def test_first_result_stands_beside_the_default_cube_and_is_selected(registered: None) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.scene.splatsmith.alone = False
    points, splats = generate_at_cursor()
    x, y, _ = splats.location
    assert max(abs(x), abs(y)) > 1.2
    assert points.location == splats.location
    assert set(bpy.context.selected_objects) == {splats, points}
    assert bpy.context.object == splats


def test_result_stands_exactly_at_the_cursor_on_request(registered: None) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.scene.splatsmith.at_cursor_exactly = True
    splats = generate_at_cursor()[-1]
    assert np.hypot(*splats.location[:2]) < 0.1


def test_result_is_not_selected_while_something_is_edited(registered: None) -> None:
    bpy.ops.mesh.primitive_cube_add(location=(5, 0, 0))
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    generate_at_cursor()
    assert bpy.context.object == cube and bpy.context.mode == "EDIT_MESH"


PERSPECTIVE = Matrix(((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, -1.002, -0.2), (0, 0, -1, 0)))  # along -Z


@pytest.mark.parametrize(
    ("location", "size", "seen"),
    [
        ((0, 0, -5), 1, True),
        ((0, 0, 5), 1, False),  # behind the viewer
        ((20, 0, -5), 1, False),
        ((5.4, 0, -5), 1, True),  # a part of it
        ((0, 0, -5), 100, True),  # all around: no corner of it is in view
        ((4.8, 0, -5), 0.1, False),  # under the sidebar
    ],
)
def test_part_of_an_object_in_view_is_noticed(
    scene: bpy.types.Scene, location: tuple[float, float, float], size: float, seen: bool
) -> None:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    points = box_points([bpy.context.object])
    assert is_any_in_view(PERSPECTIVE, points, 0.9 if size < 1 else 1.0) is seen


def test_what_no_view_shows_is_framed(scene: bpy.types.Scene) -> None:
    areas = [a for w in bpy.context.window_manager.windows for a in w.screen.areas]
    views = [a.spaces.active.region_3d for a in areas if a.type == "VIEW_3D"]
    if not views:
        pytest.skip("this Blender has no window")
    bpy.ops.mesh.primitive_cube_add(location=(0, 0, 500))
    show_objects([bpy.context.object])
    assert any(abs(view.view_location.z - 500) < 1 for view in views)
    bpy.ops.object.camera_add()
    show_objects([bpy.context.object])
    bpy.context.view_layer.update()


def test_only_sidebars_are_redrawn(registered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    for kind in ("Area", "Region"):
        monkeypatch.setattr(
            f"bpy.types.{kind}.tag_redraw", lambda self: drawn.append(self.type), raising=False
        )
    timer.redraw()
    assert "VIEW_3D" not in drawn and set(drawn) <= {"UI"}


@pytest.fixture
def not_installed(registered: None, backend_settings: BackendSettings, tmp_path: Path) -> None:
    api.configure(replace(backend_settings, folder=tmp_path / "fresh", environment=None))


def test_installation_is_announced_with_device_size_and_time(not_installed: None) -> None:
    build = api.snapshot().planned_build
    assert build is not None
    device, duration, source = installation_lines(build)
    assert build.title in device and "GB to download" in device and "GB on the disk" in device
    assert f"{build.minutes} minutes" in duration and "pytorch.org" in source


def test_generate_installs_where_nothing_is_installed(registered: None) -> None:
    settings = bpy.context.scene.splatsmith
    settings.prompt = "a chair"
    assert generate_disabled_reason(settings, SessionSnapshot(BackendState.NOT_INSTALLED)) == ""
    assert generate_label(BackendState.NOT_INSTALLED) == "Install and Generate"
    assert generate_label(BackendState.INSTALLING) == "Generate"  # it waits for the installation


def test_online_access_is_turned_on_only_where_the_user_says_so(
    registered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = bpy.context.preferences.system
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="stay offline"):
        bpy.ops.splatsmith.install()
    assert not bpy.app.online_access
    monkeypatch.setattr(api, "install", lambda: None)  # which would fetch 600 MB
    try:
        assert bpy.ops.splatsmith.install(allow_online=True) == {"FINISHED"}
        assert bpy.app.online_access
    finally:
        system.use_online_access = False


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\r\n"])
def test_addresses_and_tokens_are_taken_without_what_was_copied_around_them(blank: str) -> None:
    typed = f"{blank}http://studio:8000{blank}"
    assert remote_address(typed, f"{blank}t{blank}") == Address("http://studio:8000", "t")
    assert remote_address(blank, "") is None


def test_panel_is_shown_once(registered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Chosen:
        has_shown_panel = False

    assert preferences() is None  # registered by a script
    assert first_run.show_panel() is None
    monkeypatch.setattr(first_run, "preferences", Chosen)
    space = next(
        area.spaces.active
        for area in bpy.context.window_manager.windows[0].screen.areas
        if area.type == "VIEW_3D"
    )
    space.show_region_ui = False
    assert first_run.show_panel() == first_run.RETRY_SECONDS
    assert space.show_region_ui
    Chosen.has_shown_panel = True
    assert first_run.show_panel() is None
