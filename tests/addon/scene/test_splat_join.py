"""Join Splats: several objects become one and look as before."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.transform import InvalidTransform, apply_affine
from blender_addon.scene.data_users import NotEditable
from blender_addon.scene.point_data import CAN_CONVERT
from blender_addon.scene.rest_positions import REST_POSITION, looks_turned, read_rest_positions
from blender_addon.scene.splat_join import join_splats
from blender_addon.scene.splat_repair import NothingToRepair, repair_splats
from blender_addon.scene.splats import IS_NATIVE, NoSplats, add_splats
from tests.addon.world_splats import read_world_splats

from .blender_operations import apply, as_mesh, assert_same_look, positions

RandomCloud = Callable[[int, int], GaussianCloud]


@pytest.fixture
def objects(scene: bpy.types.Scene, random_cloud: RandomCloud) -> list[bpy.types.Object]:
    """Three objects of degrees 1, 3 and 0, with transforms of their own; one is mirrored."""
    made = [
        add_splats(random_cloud(30 + 10 * k, degree), f"splats {k}", scene.collection)
        for k, degree in enumerate((1, 3, 0))
    ]
    made[0].location, made[0].rotation_euler = (1, 0, 2), (0.2, 0, 1)
    made[1].rotation_euler, made[1].scale = (0.5, -1, 2), (-1, 0.5, 2)
    made[2].location = (-3, 0, 0)
    return made


def padded(cloud: GaussianCloud, degree: int) -> GaussianCloud:
    """`cloud` with harmonics up to `degree`, of 0 where it has none."""
    harmonics = np.zeros((len(cloud), (degree + 1) ** 2 - 1, 3), np.float32)
    harmonics[:, : cloud.shN.shape[1]] = cloud.shN
    members = {**vars(cloud), "shN": harmonics}
    return GaussianCloud(**members)


def assert_joined(target: bpy.types.Object, clouds: list[GaussianCloud]) -> None:
    """That `target` looks like `clouds` together, whose order may have changed after the first."""
    found = read_world_splats(target)
    assert len(found) == sum(len(cloud) for cloud in clouds)
    starts = np.cumsum([0, *(len(cloud) for cloud in clouds)])
    for start, cloud in zip(starts, clouds, strict=False):
        rows = np.arange(start, start + len(cloud))
        assert_same_look(found.select(rows), padded(cloud, found.degree))


def test_objects_of_any_degree_and_transform_look_as_before(
    objects: list[bpy.types.Object],
) -> None:
    clouds = [read_world_splats(obj) for obj in objects]
    data = objects[0].data
    join_splats(objects[0], objects[1:])
    assert list(bpy.data.objects) == [objects[0]]
    assert objects[0].data == data
    assert_joined(objects[0], clouds)
    assert len(read_world_splats(objects[0]).shN[0]) == 15
    if IS_NATIVE:
        assert data.type == "GAUSSIAN_SPLAT"


def test_joined_splats_are_at_rest(objects: list[bpy.types.Object]) -> None:
    join_splats(objects[0], objects[1:])
    np.testing.assert_array_equal(read_rest_positions(objects[0].data), positions(objects[0]))
    with pytest.raises(NothingToRepair):
        repair_splats([objects[0]])


def test_splats_of_other_programs_get_rest_positions(objects: list[bpy.types.Object]) -> None:
    clouds = [read_world_splats(obj) for obj in objects]
    for obj in objects[:2]:
        obj.data.attributes.remove(obj.data.attributes[REST_POSITION])
    join_splats(objects[0], objects[1:])
    assert_joined(objects[0], clouds)
    np.testing.assert_array_equal(read_rest_positions(objects[0].data), positions(objects[0]))


def test_attributes_that_some_lack_are_zero_there(objects: list[bpy.types.Object]) -> None:
    objects[1].data.attributes.new("label", "INT", "POINT").data.foreach_set(
        "value", np.arange(1, 41)
    )
    join_splats(objects[0], objects[1:])
    values = np.empty(120, np.int32)
    objects[0].data.attributes["label"].data.foreach_get("value", values)
    np.testing.assert_array_equal(values, [0] * 30 + list(range(1, 41)) + [0] * 50)


@pytest.mark.skipif(not CAN_CONVERT, reason="no point clouds")
@pytest.mark.parametrize("first_is_mesh", [False, True])
def test_mesh_vertices_and_point_clouds_are_joined(
    objects: list[bpy.types.Object], first_is_mesh: bool
) -> None:
    clouds = [read_world_splats(obj) for obj in objects]
    as_mesh(objects[0] if first_is_mesh else objects[1])
    kind = objects[0].type
    join_splats(objects[0], objects[1:])
    assert objects[0].type == kind
    assert_joined(objects[0], clouds)


def test_a_part_that_was_broken_before_is_repaired_afterwards(
    objects: list[bpy.types.Object],
) -> None:
    broken = objects[1]
    upright = read_world_splats(broken)
    stretched = np.array(broken.matrix_world, np.float64)
    applied = apply(broken).astype(np.float64)
    broken.rotation_euler, broken.location = (1, 0, 0), (0, 5, 0)
    bpy.context.view_layer.update()
    matrix = np.array(broken.matrix_world, np.float64)
    join_splats(objects[0], objects[1:])
    assert looks_turned(objects[0].data)
    assert repair_splats([objects[0]]).repaired == 40
    found = read_world_splats(objects[0]).select(np.arange(30, 70))
    total = matrix @ applied @ np.linalg.inv(stretched)
    assert_same_look(found, apply_affine(upright, total), 1e-4)


def test_children_stay_in_place(objects: list[bpy.types.Object]) -> None:
    child = bpy.data.objects.new("child", None)
    bpy.context.scene.collection.objects.link(child)
    child.parent, child.location, child.rotation_euler = objects[1], (1, 1, 1), (0.3, 0.4, 0.5)
    bpy.context.view_layer.update()
    before = np.array(child.matrix_world)
    join_splats(objects[0], objects[1:])
    bpy.context.view_layer.update()
    assert child.parent == objects[0]
    np.testing.assert_allclose(child.matrix_world, before, atol=1e-5)


def test_a_child_of_what_would_be_removed_is_refused(objects: list[bpy.types.Object]) -> None:
    between = bpy.data.objects.new("between", None)
    bpy.context.scene.collection.objects.link(between)
    between.parent, objects[0].parent = objects[1], between
    with pytest.raises(NotEditable, match="parented to 'splats 1'.*clear the parent"):
        join_splats(objects[0], objects[1:])
    assert len(bpy.data.objects) == 4


def test_data_that_others_use_stay_theirs(objects: list[bpy.types.Object]) -> None:
    shared = objects[1].copy()
    bpy.context.scene.collection.objects.link(shared)
    before = read_world_splats(shared)
    join_splats(objects[0], objects[1:])
    assert_same_look(read_world_splats(shared), before)
    copy = objects[0].copy()
    bpy.context.scene.collection.objects.link(copy)
    with pytest.raises(NotEditable, match="shares its splats"):
        join_splats(objects[0], [shared])
    join_splats(objects[0], [shared], isolate_users=True)
    assert len(read_world_splats(copy)) == 120


def test_linked_duplicates_are_joined_with_each_other(objects: list[bpy.types.Object]) -> None:
    duplicate = objects[0].copy()
    bpy.context.scene.collection.objects.link(duplicate)
    duplicate.rotation_euler, duplicate.location = (2, 1, 0), (0, 4, 0)
    clouds = [read_world_splats(obj) for obj in (objects[0], duplicate)]
    join_splats(objects[0], [duplicate])
    assert_joined(objects[0], clouds)


def test_undo_brings_the_objects_back(objects: list[bpy.types.Object]) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    names = [obj.name for obj in objects]
    clouds = [read_world_splats(obj) for obj in objects]
    bpy.ops.ed.undo_push(message="before")
    join_splats(objects[0], objects[1:])
    bpy.ops.ed.undo_push(message="join")
    bpy.ops.ed.undo()
    for name, cloud in zip(names, clouds, strict=True):
        found = read_world_splats(bpy.data.objects[name])
        for part in ("means", "quats", "scales", "shN"):
            np.testing.assert_array_equal(getattr(found, part), getattr(cloud, part))
    bpy.ops.ed.redo()
    assert len(read_world_splats(bpy.data.objects[names[0]])) == 120


def test_nothing_is_joined_if_one_object_cannot_be(
    scene: bpy.types.Scene, objects: list[bpy.types.Object]
) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    scene.collection.objects.link(cube)
    with pytest.raises(NoSplats, match="no splat object"):
        join_splats(objects[0], [*objects[1:], cube])
    objects[2].scale = (0, 1, 1)
    with pytest.raises(InvalidTransform, match="flattens"):
        join_splats(objects[0], objects[1:])
    with pytest.raises(NoSplats, match="nothing to join"):
        join_splats(objects[0], [objects[0]])
    assert len(positions(objects[0])) == 30
    assert len(bpy.data.objects) == 4
