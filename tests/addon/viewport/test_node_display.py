from __future__ import annotations

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene import appearance
from blender_addon.scene.color_adjustment import ColorAdjustment
from blender_addon.scene.splat_color import set_color_adjustment
from blender_addon.scene.splats import IS_NATIVE, add_splats
from blender_addon.viewport.drawn_objects import scene_contents
from blender_addon.viewport.node_display import set_node_display
from blender_addon.viewport.splat_cache import SplatCache

pytestmark = pytest.mark.skipif(IS_NATIVE, reason="Blender draws splats itself")


@pytest.fixture
def obj(scene: bpy.types.Scene, ball: GaussianCloud) -> bpy.types.Object:
    """A splat object of 4,000 splats."""
    return add_splats(ball, "ball", scene.collection)


def test_hidden_splats_leave_a_volume_in_their_bounds(obj: bpy.types.Object) -> None:
    set_node_display(hidden=True)
    assert [kind for kind, _ in _instances()] == [obj.type, "VOLUME"]
    low, high = np.array(obj.bound_box)[[0, 6]]
    np.testing.assert_allclose([low, high], [[-1] * 3, [1] * 3], atol=0.1)
    set_node_display(hidden=False)
    assert len(_instances()) == 4_001


def test_node_group_of_an_older_file_is_replaced_with_its_inputs(obj: bpy.types.Object) -> None:
    modifier = appearance.find_splat_modifier(obj)
    group = modifier.node_group
    appearance.set_modifier_input(modifier, "Size", 1.5)
    group.interface.remove(group.interface.items_tree["Hide in Viewport"])
    group["splatsmith_version"] = 1
    set_node_display(hidden=True)
    assert modifier.node_group != group
    assert appearance.get_modifier_input(modifier, "Size") == 1.5
    assert [kind for kind, _ in _instances()] == [obj.type, "VOLUME"]


@pytest.mark.parametrize("hidden", [False, True])
def test_objects_and_their_instances_are_found_once_each(
    hidden: bool, obj: bpy.types.Object, scene: bpy.types.Scene
) -> None:
    set_node_display(hidden)
    inside = bpy.data.collections.new("inside")
    inside.objects.link(obj)
    empty = bpy.data.objects.new("instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", inside
    empty.location = (5, 0, 0)
    scene.collection.objects.link(empty)
    contents = scene_contents(bpy.context.evaluated_depsgraph_get())
    found = [(each.splats, each.owner, each.matrix[0, 3]) for each in contents.drawn]
    assert found == [(obj, obj, 0), (obj, empty, 5)]
    assert not contents.has_other_geometry
    bpy.ops.mesh.primitive_cube_add()
    assert scene_contents(bpy.context.evaluated_depsgraph_get()).has_other_geometry


def test_color_adjustments_are_found(obj: bpy.types.Object) -> None:
    adjustment = ColorAdjustment(brightness=0.1, saturation=0.5, tint=(1, 0.5, 0.2), opacity=0.5)
    set_color_adjustment(obj, adjustment)
    (drawn,) = scene_contents(bpy.context.evaluated_depsgraph_get()).drawn
    matrix, offset = adjustment.affine()
    np.testing.assert_allclose(drawn.color_map, np.column_stack([matrix, offset]), atol=1e-6)
    assert drawn.opacity == 0.5


def test_hidden_objects_are_not_drawn(obj: bpy.types.Object) -> None:
    obj.hide_viewport = True
    assert not scene_contents(bpy.context.evaluated_depsgraph_get()).drawn


def test_splats_are_read_again_only_when_they_have_changed(obj: bpy.types.Object) -> None:
    cache = SplatCache()
    first = cache.get(obj)
    assert len(first.arrays) == 4_000
    cache.mark_all_changed()
    assert cache.get(obj) is first
    obj.data.attributes["position"].data[7].vector = (9, 9, 9)
    assert cache.get(obj) is first
    cache.mark_changed([obj.data.session_uid])
    changed = cache.get(obj)
    assert changed.key != first.key
    assert changed.arrays.positions[:, 7].tolist() == [9, 9, 9]


def _instances() -> list[tuple[str, bool]]:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    depsgraph.update()
    return [(each.object.type, each.is_instance) for each in depsgraph.object_instances]
