"""The operators and the panel's sections of splat editing, without a window."""

from __future__ import annotations

from dataclasses import replace

import bpy
import pytest

from blender_addon import api
from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.splats import IS_NATIVE, add_splats
from blender_addon.ui.splat_panel import sections

tools = api.splat_tools


@pytest.fixture
def splats(registered: None, ball: GaussianCloud) -> bpy.types.Object:
    """The ball with two floaters, selected and active."""
    means = ball.means.copy()
    means[:2] = 9
    obj = add_splats(replace(ball, means=means), "ball", bpy.context.scene.collection)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="ball")
    return obj


def count() -> int:
    return tools.count_splats(bpy.data.objects["ball"])


def add_crop_empty(location: tuple[float, float, float] = (1, 0, 0)) -> bpy.types.Object:
    crop = bpy.data.objects.new("box", None)
    crop.empty_display_type, crop.location = "CUBE", location
    bpy.context.scene.collection.objects.link(crop)
    bpy.ops.ed.undo_push(message="box")
    return crop


def test_floaters_are_deleted_and_brought_back_by_undo(splats: bpy.types.Object) -> None:
    assert bpy.ops.splatsmith.delete_floaters() == {"FINISHED"}
    assert count() == 3_998
    bpy.ops.ed.undo_push(message="Delete Floaters")
    bpy.ops.ed.undo()
    assert count() == 4_000
    # What the panel Adjust Last Operation does with another setting.
    assert bpy.ops.splatsmith.delete_floaters(neighbors=1) == {"FINISHED"}
    assert count() == 4_000


def test_operators_run_on_every_selected_splat_object(
    splats: bpy.types.Object, ball: GaussianCloud
) -> None:
    other = add_splats(ball, "other", bpy.context.scene.collection)
    apart = add_splats(ball, "apart", bpy.context.scene.collection)
    other.select_set(True)
    apart.select_set(False)
    assert bpy.ops.splatsmith.limit_splats(count=700) == {"FINISHED"}
    assert [tools.count_splats(obj) for obj in (splats, other, apart)] == [700, 700, 4_000]


def test_crop_uses_the_selected_active_box_before_the_chosen_one(
    splats: bpy.types.Object,
) -> None:
    far, near = add_crop_empty((99, 0, 0)), add_crop_empty()
    scene = bpy.context.scene
    scene.splatsmith_crop_object = far
    near.select_set(True)
    bpy.context.view_layer.objects.active = near
    assert bpy.ops.splatsmith.crop_splats(side="outside") == {"FINISHED"}
    assert 1_000 < count() < 3_900
    near.select_set(False)
    before = count()
    with pytest.raises(RuntimeError, match="would lose all its splats"):
        bpy.ops.splatsmith.crop_splats(side="inside")
    assert count() == before


def test_missing_crop_object_is_told(splats: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="No crop object is chosen"):
        bpy.ops.splatsmith.crop_splats()
    crop = add_crop_empty()
    bpy.context.scene.splatsmith_crop_object = crop
    bpy.context.scene.collection.objects.unlink(crop)  # as deleting it in the viewport does
    with pytest.raises(RuntimeError, match="'box' is not in the scene"):
        bpy.ops.splatsmith.crop_splats()
    assert count() == 4_000


def test_new_crop_object_is_selected_and_crops_floaters(splats: bpy.types.Object) -> None:
    for shape in ("box", "sphere"):
        assert bpy.ops.splatsmith.add_crop_object(shape=shape) == {"FINISHED"}
        crop = bpy.context.active_object
        assert crop.type == "EMPTY" and bpy.context.selected_objects == [crop]
        assert bpy.context.scene.splatsmith_crop_object == crop
        splats.select_set(True)
        found = bpy.ops.splatsmith.crop_splats(action="select")
        assert found == {"FINISHED"}
        assert count() == 4_000
    assert bpy.ops.splatsmith.crop_splats() == {"FINISHED"}
    assert count() == 3_998


def test_operators_are_disabled_without_splats_and_in_edit_mode(
    splats: bpy.types.Object,
) -> None:
    names = ("crop_splats", "delete_floaters", "limit_splats", "adjust_colors", "bake_colors")
    operators = [getattr(bpy.ops.splatsmith, name) for name in (*names, "add_crop_object")]
    assert all(operator.poll() for operator in operators)
    bpy.ops.object.mode_set(mode="EDIT")
    assert not any(operator.poll() for operator in operators)
    bpy.ops.object.mode_set(mode="OBJECT")
    splats.select_set(False)
    assert not any(operator.poll() for operator in operators)


def test_no_criterion_is_told(splats: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="No criterion is chosen"):
        bpy.ops.splatsmith.delete_floaters(by_opacity=False, by_size=False, by_distance=False)
    assert count() == 4_000


def test_colors_are_adjusted_and_baked(splats: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="no color adjustment to bake"):
        bpy.ops.splatsmith.bake_colors()
    assert bpy.ops.splatsmith.adjust_colors() == {"FINISHED"}
    inputs = {each.name: each for each in tools.color_inputs(splats)}
    inputs["Saturation"].write(0.0)
    assert bpy.ops.splatsmith.bake_colors() == {"FINISHED"}
    base = splats.data.attributes["radiance:base"].data[0]
    red, green, blue, _ = getattr(base, "vector", None) or base.color
    assert red == pytest.approx(green) == pytest.approx(blue)
    assert bool(tools.color_inputs(splats)) != IS_NATIVE


def test_sections_of_the_panel_come_and_go_with_the_addon(splats: bpy.types.Object) -> None:
    names = [section.name for section in sections()]
    assert names.count("Edit") == names.count("Colors") == 1
    assert names.index("Edit") < names.index("Colors")
