"""Splats are cropped by empties and meshes, whatever their transforms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.transform import rotation_matrices
from blender_addon.scene.convex_volumes import Ellipsoid, Polyhedron
from blender_addon.scene.crop_objects import (
    CropShape,
    NoCropVolume,
    add_crop_object,
    crop_volume,
    may_show_volume,
)
from blender_addon.scene.point_data import read_attributes
from blender_addon.scene.splat_editing import EditCount, SplatAction, crop_splats
from blender_addon.scene.splat_selection import CropSide, outside_of_crop
from blender_addon.scene.splats import add_splats

RandomCloud = Callable[[int, int], GaussianCloud]

TURNED = Matrix.LocRotScale((0.3, -0.2, 0.1), Euler((0.4, -0.7, 1.1)), (0.9, -0.6, 1.4))
SHEARED = TURNED @ Matrix(((1, 0.5, 0, 0), (0, 1, 0, 0), (0.2, 0, 1, 0), (0, 0, 0, 1)))
OF_SPLATS = Matrix.LocRotScale((-0.1, 0.2, 0), Euler((1, 2, 3)), (0.8, 0.8, 1.1))


def set_world(obj: bpy.types.Object, matrix: Matrix) -> bpy.types.Object:
    """Place `obj`; shear comes from a parent, as it does for users."""
    obj.matrix_parent_inverse = matrix
    obj.parent = bpy.data.objects.new("parent", None)
    for each in (obj, obj.parent):
        if not each.users_collection:
            bpy.context.scene.collection.objects.link(each)
    return obj


@pytest.fixture
def splats(scene: bpy.types.Scene, random_cloud: RandomCloud) -> bpy.types.Object:
    return set_world(add_splats(random_cloud(400, 0), "s", scene.collection), OF_SPLATS)


def empty(kind: str, size: float = 0.7) -> bpy.types.Object:
    obj = bpy.data.objects.new("crop", None)
    obj.empty_display_type, obj.empty_display_size = kind, size
    return obj


def mesh(add: Callable[..., object], **options: object) -> bpy.types.Object:
    add(**options)
    return bpy.context.object


def centers_in(splats: bpy.types.Object, crop: bpy.types.Object) -> np.ndarray:
    """The splats' centres [N, 3] in the crop object's own space, by Blender's matrices."""
    bpy.context.view_layer.update()
    to_crop = np.array(crop.matrix_world.inverted() @ splats.matrix_world)
    positions = read_attributes(splats.data)["position"].astype(np.float64)
    return positions @ to_crop[:3, :3].T + to_crop[:3, 3]


def kept_inside(splats: bpy.types.Object, crop: bpy.types.Object) -> np.ndarray:
    volume = crop_volume(crop)
    inside = ~outside_of_crop(splats, volume, CropSide.INSIDE, False)
    outside = ~outside_of_crop(splats, volume, CropSide.OUTSIDE, False)
    np.testing.assert_array_equal(inside, ~outside)
    return inside


@pytest.mark.parametrize("matrix", [TURNED, SHEARED], ids=["turned", "sheared"])
def test_empties_crop_as_they_are_drawn(splats: bpy.types.Object, matrix: Matrix) -> None:
    for kind, norm in (("CUBE", np.inf), ("SPHERE", 2)):
        crop = set_world(empty(kind), matrix)
        inside = np.linalg.norm(centers_in(splats, crop), ord=norm, axis=1) <= 0.7
        assert 10 < inside.sum() < 390
        np.testing.assert_array_equal(kept_inside(splats, crop), inside)


@pytest.mark.once
@pytest.mark.parametrize("matrix", [TURNED, SHEARED], ids=["turned", "sheared"])
def test_boxes_and_spheres_of_meshes_crop_as_empties(
    splats: bpy.types.Object, matrix: Matrix
) -> None:
    add = bpy.ops.mesh
    for obj, norm in (
        (mesh(add.primitive_cube_add, size=1.4), np.inf),
        (mesh(add.primitive_uv_sphere_add, radius=0.7, segments=12, ring_count=8), 2),
        (mesh(add.primitive_ico_sphere_add, radius=0.7, subdivisions=1), 2),
    ):
        crop = set_world(obj, matrix)
        inside = np.linalg.norm(centers_in(splats, crop), ord=norm, axis=1) <= 0.7
        np.testing.assert_array_equal(kept_inside(splats, crop), inside)


@pytest.mark.once
@pytest.mark.parametrize("kind", ["cube", "uv_sphere"])
def test_applied_transforms_of_meshes_change_nothing(splats: bpy.types.Object, kind: str) -> None:
    crop = set_world(mesh(getattr(bpy.ops.mesh, f"primitive_{kind}_add")), SHEARED)
    before = kept_inside(splats, crop)
    crop.data.transform(crop.matrix_world)
    crop.parent, crop.matrix_parent_inverse = None, Matrix()
    assert 10 < before.sum() < 390
    np.testing.assert_array_equal(kept_inside(splats, crop), before)


@pytest.mark.once
def test_modifiers_of_the_crop_object_count(splats: bpy.types.Object) -> None:
    crop = mesh(bpy.ops.mesh.primitive_plane_add, size=1)
    solid = crop.modifiers.new("solid", "SOLIDIFY")
    solid.thickness, solid.offset = 1.0, 0.0
    inside = (np.abs(centers_in(splats, crop)) <= 0.5).all(axis=1)
    np.testing.assert_array_equal(kept_inside(splats, crop), inside)


@pytest.mark.once
def test_bevelled_boxes_and_cylinders_are_no_spheres(scene: bpy.types.Scene) -> None:
    box = mesh(bpy.ops.mesh.primitive_cube_add)
    box.modifiers.new("bevel", "BEVEL").width = 0.2
    cylinder = mesh(bpy.ops.mesh.primitive_cylinder_add)
    for obj, planes in ((box, 6 + 12 + 8), (cylinder, 34)):
        volume = crop_volume(obj)
        assert isinstance(volume, Polyhedron)
        assert len(volume.planes) == planes
    assert isinstance(crop_volume(mesh(bpy.ops.mesh.primitive_uv_sphere_add)), Ellipsoid)


@pytest.mark.once
def test_faces_that_point_inwards_crop_the_same(splats: bpy.types.Object) -> None:
    crop = mesh(bpy.ops.mesh.primitive_cube_add, size=1.4)
    before = kept_inside(splats, crop)
    crop.data.flip_normals()
    np.testing.assert_array_equal(kept_inside(splats, crop), before)


@pytest.mark.once
@pytest.mark.parametrize("side", list(CropSide))
@pytest.mark.parametrize("kind", ["CUBE", "SPHERE"])
def test_whole_splats_reach_nowhere_across(
    splats: bpy.types.Object, kind: str, side: CropSide
) -> None:
    crop = set_world(empty(kind, 1.0), TURNED)
    kept = ~outside_of_crop(splats, crop_volume(crop), side, True)
    by_center = ~outside_of_crop(splats, crop_volume(crop), side, False)
    assert 0 < kept.sum() < by_center.sum()
    assert not (kept & ~by_center).any()
    values = read_attributes(splats.data)
    axes = rotation_matrices(values["rotation"]) * values["scale"][:, None, :]
    directions = np.random.default_rng(5).normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    surface = values["position"][:, None] + 3 * np.einsum("nij,dj->ndi", axes, directions)
    to_crop = np.array(crop.matrix_world.inverted() @ splats.matrix_world)
    surface = surface @ to_crop[:3, :3].T + to_crop[:3, 3]
    inside = np.linalg.norm(surface, ord=np.inf if kind == "CUBE" else 2, axis=2) <= 1
    across = ~inside.all(axis=1) if side is CropSide.INSIDE else inside.any(axis=1)
    assert not (kept & across).any()
    # Hardly any that would fit are deleted.
    assert (~kept & ~across).sum() <= 0.03 * len(kept)


def test_what_shows_no_volume_is_refused(splats: bpy.types.Object) -> None:
    flat = set_world(empty("CUBE"), Matrix())
    flat.scale = (1, 0, 1)
    opened = mesh(bpy.ops.mesh.primitive_cylinder_add, end_fill_type="NOTHING")
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    for obj, words in (
        (flat, "is flat"),
        (empty("PLAIN_AXES"), "shows no cube or sphere"),
        (mesh(bpy.ops.mesh.primitive_torus_add), "convex"),
        (mesh(bpy.ops.mesh.primitive_plane_add), "closed"),
        (mesh(bpy.ops.mesh.primitive_monkey_add), "convex"),
        (opened, "closed"),
        (bpy.data.objects.new("none", bpy.data.meshes.new("none")), "no box"),
        (lamp, "no box"),
    ):
        with pytest.raises(NoCropVolume, match=words):
            crop_splats([splats], obj)
    assert len(read_attributes(splats.data)["position"]) == 400


def test_crop_deletes_or_selects(splats: bpy.types.Object) -> None:
    crop = set_world(empty("SPHERE"), TURNED)
    inside = kept_inside(splats, crop)
    selected = crop_splats([splats], crop, action=SplatAction.SELECT)
    assert selected == EditCount(int((~inside).sum()), 400)
    assert len(read_attributes(splats.data)["position"]) == 400
    bpy.context.view_layer.objects.active = splats
    bpy.ops.object.mode_set(mode="EDIT")
    if splats.type == "MESH":
        bpy.ops.mesh.delete(type="VERT")
    else:
        bpy.ops.pointcloud.delete()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert len(read_attributes(splats.data)["position"]) == inside.sum()
    assert crop_splats([splats], crop) == EditCount(0, int(inside.sum()))


def test_new_crop_object_encloses_the_splats_but_not_floaters(
    scene: bpy.types.Scene, ball: GaussianCloud
) -> None:
    means = ball.means.copy()
    means[0] = 50
    obj = set_world(add_splats(replace(ball, means=means), "ball", scene.collection), OF_SPLATS)
    for shape in CropShape:
        crop = add_crop_object(obj, shape)
        assert may_show_volume(crop)
        assert list(crop.users_collection) == [scene.collection]
        deleted = outside_of_crop(obj, crop_volume(crop), CropSide.INSIDE, False)
        assert np.flatnonzero(deleted).tolist() == [0]
