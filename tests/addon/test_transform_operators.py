"""The operators that transform, join and repair splats, as the panel and the menus call them."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import pytest

from blender_addon import api, ui
from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.rest_positions import REST_POSITION, looks_turned
from blender_addon.scene.splats import add_splats
from blender_addon.ui.splat_panel import sections
from tests.addon.world_splats import read_world_splats


@pytest.fixture
def addon(scene: bpy.types.Scene) -> Iterator[None]:
    """The registered add-on in an empty scene; no backend is needed."""
    ui.register()
    yield
    ui.unregister()
    api.shutdown()


@pytest.fixture
def splats(addon: None, ball: GaussianCloud) -> list[bpy.types.Object]:
    """Two turned and stretched balls, both selected; the first is active."""
    collection = bpy.context.scene.collection
    objects = [add_splats(ball, name, collection) for name in ("first", "second")]
    bpy.context.view_layer.update()
    for k, obj in enumerate(objects):
        obj.select_set(True)
        obj.rotation_euler, obj.scale, obj.location = (k, 1, 2), (1, 2, -0.5), (3 * k, 0, 0)
    bpy.context.view_layer.objects.active = objects[0]
    return objects


def test_transforms_of_all_selected_splats_are_applied(splats: list[bpy.types.Object]) -> None:
    assert bpy.ops.splatsmith.apply_transform() == {"FINISHED"}
    assert all(obj.matrix_basis.is_identity for obj in splats)


def test_single_components_are_applied(splats: list[bpy.types.Object]) -> None:
    bpy.ops.splatsmith.apply_transform(location=False, rotation=False)
    assert tuple(splats[1].scale) == (1, 1, 1)
    np.testing.assert_allclose(splats[1].rotation_euler, (1, 1, 2), atol=1e-6)
    assert tuple(splats[1].location) == (3, 0, 0)


def test_selected_splats_are_joined_into_the_active_object(
    splats: list[bpy.types.Object],
) -> None:
    assert bpy.ops.splatsmith.join_splats() == {"FINISHED"}
    assert list(bpy.data.objects) == [splats[0]]
    assert len(read_world_splats(splats[0])) == 8_000


def test_what_blender_turned_is_repaired(splats: list[bpy.types.Object]) -> None:
    bpy.ops.object.transform_apply()
    assert all(looks_turned(obj.data) for obj in splats)
    assert bpy.ops.splatsmith.repair_splats() == {"FINISHED"}
    assert not any(looks_turned(obj.data) for obj in splats)


def test_sound_splats_are_reported_and_stay(splats: list[bpy.types.Object]) -> None:
    with pytest.raises(RuntimeError, match="'first' needs no repair"):
        bpy.ops.splatsmith.repair_splats()


def test_one_object_that_cannot_be_applied_stops_all(splats: list[bpy.types.Object]) -> None:
    splats[1].scale = (1, 1, 0)
    with pytest.raises(RuntimeError, match="flattens"):
        bpy.ops.splatsmith.apply_transform()
    assert tuple(splats[0].scale) == (1, 2, -0.5)


def test_shared_splats_need_a_word(splats: list[bpy.types.Object]) -> None:
    splats[1].data = splats[0].data
    with pytest.raises(RuntimeError, match="shares its splats"):
        bpy.ops.splatsmith.apply_transform()
    assert bpy.ops.splatsmith.apply_transform(isolate_users=True) == {"FINISHED"}
    assert splats[0].data != splats[1].data


@pytest.mark.once
def test_operators_are_offered_only_where_they_can_run(splats: list[bpy.types.Object]) -> None:
    operators = bpy.ops.splatsmith
    splats[1].select_set(False)
    assert not operators.join_splats.poll()
    assert operators.repair_splats.poll()
    for obj in splats:
        obj.data.attributes.remove(obj.data.attributes[REST_POSITION])
    assert not operators.repair_splats.poll()
    assert operators.apply_transform.poll()
    splats[0].select_set(False)
    assert not operators.apply_transform.poll()


@pytest.mark.once
def test_panel_and_menus_have_them_while_the_addon_is_enabled(addon: None) -> None:
    assert "Transform" in [section.name for section in sections()]
    assert menus_with_entries() == {"VIEW3D_MT_object_apply", "VIEW3D_MT_object"}
    ui.unregister()
    assert "Transform" not in [section.name for section in sections()]
    assert not menus_with_entries()
    ui.register()


def menus_with_entries() -> set[str]:
    """The menus of objects that the add-on's modules draw in."""
    menus = ("VIEW3D_MT_object_apply", "VIEW3D_MT_object")
    package = ui.__name__.partition(".")[0]
    return {
        name
        for name in menus
        if any(f.__module__.startswith(package) for f in getattr(bpy.types, name).draw._draw_funcs)
    }
