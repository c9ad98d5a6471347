"""Repair Splats: what Blender's operators did to positions is done to the shapes as well."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.transform import Y_UP_TO_Z_UP, InvalidTransform, apply_affine
from blender_addon.scene.data_users import NotEditable
from blender_addon.scene.point_data import CAN_CONVERT, PointAttribute, write_attribute
from blender_addon.scene.rest_positions import (
    REST_POSITION,
    looks_turned,
    read_rest_positions,
)
from blender_addon.scene.splat_repair import NothingToRepair, Repair, repair_splats
from blender_addon.scene.splats import add_splats
from tests.addon.world_splats import read_world_splats

from .blender_operations import (
    OPERATIONS,
    Operation,
    apply,
    as_mesh,
    assert_same_look,
    join,
    move_some,
    positions,
    select,
    split,
)

RandomCloud = Callable[[int, int], GaussianCloud]
COUNT = 400
TURN = np.array([[0.0, -1, 0, 0.5], [1, 0, 0, 0], [0, 0, 1, -1], [0, 0, 0, 1]])
STRETCH = np.array([[1.0, 0.5, 0, 3], [0, -2, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]])
UPRIGHT = np.eye(4)
UPRIGHT[:3, :3] = Y_UP_TO_Z_UP


@pytest.fixture
def cloud(random_cloud: RandomCloud) -> GaussianCloud:
    return random_cloud(COUNT, 2)


@pytest.fixture
def obj(scene: bpy.types.Scene, cloud: GaussianCloud) -> bpy.types.Object:
    return add_splats(cloud, "splats", scene.collection)


def by_maps(cloud: GaussianCloud, *maps: tuple[np.ndarray, np.ndarray]) -> GaussianCloud:
    """`cloud` (asset frame) in Blender's axes, with the `chosen` Gaussians of each pair moved."""
    result = apply_affine(cloud, UPRIGHT)
    for chosen, matrix in maps:
        part = apply_affine(apply_affine(cloud, UPRIGHT), matrix)
        for name in ("means", "quats", "scales", "shN"):
            getattr(result, name)[chosen] = getattr(part, name)[chosen]
    return result


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["as imported", "as a mesh"] if CAN_CONVERT else ["as imported"])
def test_what_blenders_operators_break_is_repaired(
    obj: bpy.types.Object, cloud: GaussianCloud, operation: Operation, kind: str
) -> None:
    obj = as_mesh(obj) if kind == "as a mesh" else obj
    assert not looks_turned(obj.data)
    matrix = operation(obj).astype(np.float64)
    assert looks_turned(obj.data)
    assert repair_splats([obj]) == Repair(repaired=COUNT, lone=0, unknown=0)
    assert_same_look(read_world_splats(obj), by_maps(cloud, (np.full(COUNT, True), matrix)))
    assert not looks_turned(obj.data)
    with pytest.raises(NothingToRepair, match="needs no repair"):
        repair_splats([obj])


def test_several_operations_in_a_row_are_repaired_at_once(
    obj: bpy.types.Object, cloud: GaussianCloud
) -> None:
    total = np.eye(4)
    for operation in (*OPERATIONS, apply):
        total = operation(obj).astype(np.float64) @ total
    repair_splats([obj])
    expected = by_maps(cloud, (np.full(COUNT, True), total))
    assert_same_look(read_world_splats(obj), expected, 1e-4)


def test_each_joined_object_gets_its_own_turn(
    scene: bpy.types.Scene, obj: bpy.types.Object, cloud: GaussianCloud
) -> None:
    others = [add_splats(cloud, name, scene.collection) for name in ("turned", "copied", "moved")]
    others[0].rotation_euler, others[0].scale = (0.4, 1, -2), (1, -2, 0.5)
    others[1].rotation_euler = (0, 2, 0)
    others[2].location = (4, 4, 4)
    bpy.context.view_layer.update()
    worlds = [np.array(each.matrix_world, np.float64) for each in others]
    join(obj, *others)
    assert repair_splats([obj]) == Repair(repaired=2 * COUNT, lone=0, unknown=0)
    found = read_world_splats(obj)
    for k, world in enumerate([np.eye(4), *worlds]):
        rows = np.arange(k * COUNT, (k + 1) * COUNT)
        expected = by_maps(cloud, (np.full(COUNT, True), world))
        assert_same_look(found.select(rows), expected)


def test_splats_of_other_programs_that_were_joined_stay_and_are_counted(
    scene: bpy.types.Scene, obj: bpy.types.Object, cloud: GaussianCloud
) -> None:
    foreign = add_splats(cloud, "foreign", scene.collection)
    foreign.data.attributes.remove(foreign.data.attributes[REST_POSITION])
    join(obj, foreign)
    assert not looks_turned(obj.data)
    apply(obj)
    assert looks_turned(obj.data)
    before = read_world_splats(obj)
    repair = repair_splats([obj])
    assert repair == Repair(repaired=COUNT, lone=0, unknown=COUNT)
    assert "400 do not say where they were at first" in repair.sentence
    rows = np.arange(COUNT, 2 * COUNT)
    assert_same_look(read_world_splats(obj).select(rows), before.select(rows))


def test_selected_splats_that_were_turned_are_repaired_alone(
    obj: bpy.types.Object, cloud: GaussianCloud
) -> None:
    some, few, lone = (np.arange(COUNT) % 20 % 7 == k for k in range(3))
    move_some(obj, some, TURN)
    move_some(obj, few, STRETCH)
    scattered = positions(obj)
    scattered[lone] += np.random.default_rng(5).normal(size=(lone.sum(), 3)).astype(np.float32)
    write_attribute(obj.data, PointAttribute("position", "FLOAT_VECTOR", scattered))
    repair = repair_splats([obj])
    assert repair == Repair(repaired=some.sum() + few.sum(), lone=lone.sum(), unknown=0)
    assert "60 were moved one by one" in repair.sentence
    expected = by_maps(cloud, (some, TURN), (few, STRETCH))
    assert_same_look(read_world_splats(obj).select(~lone), expected.select(~lone))


def test_deleted_and_separated_splats_do_not_matter(
    obj: bpy.types.Object, cloud: GaussianCloud
) -> None:
    chosen = np.random.default_rng(1).uniform(size=COUNT) < 0.4
    separated = split(obj, chosen)
    matrix = apply(separated).astype(np.float64)
    expected = by_maps(cloud, (chosen, matrix))
    assert repair_splats([separated]).repaired == chosen.sum()
    assert_same_look(read_world_splats(separated), expected.select(chosen))
    assert_same_look(read_world_splats(obj), expected.select(~chosen))
    assert not looks_turned(obj.data)


def test_moved_splats_need_no_repair(obj: bpy.types.Object) -> None:
    shift = np.eye(4)
    shift[:3, 3] = (1, 2, 3)
    move_some(obj, np.arange(COUNT) < 100, shift)
    assert not looks_turned(obj.data)
    with pytest.raises(NothingToRepair, match="needs no repair"):
        repair_splats([obj])


def test_repair_survives_saving_and_copying(
    obj: bpy.types.Object, cloud: GaussianCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    obj.data = obj.data.copy()
    matrix = apply(obj).astype(np.float64)
    file = tmp_path_factory.mktemp("saved") / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    saved = bpy.data.objects["splats"]
    repair_splats([saved])
    assert_same_look(read_world_splats(saved), by_maps(cloud, (np.full(COUNT, True), matrix)))


def test_undo_restores_the_broken_splats(obj: bpy.types.Object) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    apply(obj)
    before, rest = read_world_splats(obj), read_rest_positions(obj.data)
    bpy.ops.ed.undo_push(message="before")
    repair_splats([obj])
    bpy.ops.ed.undo_push(message="repair")
    bpy.ops.ed.undo()
    undone = bpy.data.objects["splats"]
    found = read_world_splats(undone)
    for name in ("means", "quats", "scales", "shN"):
        np.testing.assert_array_equal(getattr(found, name), getattr(before, name), name)
    np.testing.assert_array_equal(read_rest_positions(undone.data), rest)
    assert looks_turned(undone.data)


def test_splats_of_other_programs_are_refused_with_the_reason(obj: bpy.types.Object) -> None:
    obj.data.attributes.remove(obj.data.attributes[REST_POSITION])
    assert not looks_turned(obj.data)
    with pytest.raises(NothingToRepair, match="does not say where.*import it again"):
        repair_splats([obj])


def test_flattened_splats_are_refused_and_stay_as_they_are(obj: bpy.types.Object) -> None:
    move_some(obj, np.full(COUNT, True), np.diag([1.0, 1, 0, 1]))
    before = read_world_splats(obj)
    with pytest.raises(InvalidTransform, match="flattens"):
        repair_splats([obj])
    assert_same_look(read_world_splats(obj), before)


def test_shared_splats_are_refused_or_made_single(obj: bpy.types.Object) -> None:
    other = obj.copy()
    bpy.context.scene.collection.objects.link(other)
    move_some(obj, np.full(COUNT, True), TURN)
    with pytest.raises(NotEditable, match="shares its splats"):
        repair_splats([obj])
    assert looks_turned(obj.data)
    repair_splats([obj], isolate_users=True)
    assert not looks_turned(obj.data)
    assert looks_turned(other.data)


def test_panel_bears_values_that_are_not_numbers(obj: bpy.types.Object) -> None:
    write_attribute(
        obj.data,
        PointAttribute("position", "FLOAT_VECTOR", np.full((COUNT, 3), np.nan, np.float32)),
    )
    assert not looks_turned(obj.data)
    with pytest.raises(NothingToRepair, match="400 were moved one by one"):
        repair_splats([obj])


def test_panel_sees_a_joined_part_that_is_turned(
    scene: bpy.types.Scene, obj: bpy.types.Object, cloud: GaussianCloud
) -> None:
    other = add_splats(cloud, "other", scene.collection)
    other.rotation_euler = (0, 0, 0.01)
    select(obj)
    join(obj, other)
    assert looks_turned(obj.data)
