from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from blender_addon.contract.cloud import GaussianCloud, load_cloud
from blender_addon.contract.ply import open_vertices
from blender_addon.contract.transform import (
    Y_UP_TO_Z_UP,
    InvalidTransform,
    apply_affine,
    rotation_matrices,
)
from blender_addon.contract.up_axis import UpAxis
from blender_addon.exporting.files import write_ply
from blender_addon.exporting.splat_source import NothingToExport, copy_splats
from blender_addon.scene.georeference import write_origin
from blender_addon.scene.splats import NoSplats, add_splats

RandomCloud = Callable[[int, int], GaussianCloud]
MATRICES = {
    "turned": Euler((0.3, -1.2, 2.0)).to_matrix().to_4x4(),
    "stretched": Matrix.LocRotScale((1, -2, 3), Euler((0.5, 0.1, -0.4)), (2, 0.5, 1.25)),
    "mirrored": Matrix.LocRotScale((0, 1, 0), Euler((0.2, 0.7, 0)), (-1, 1.5, 1)),
    "sheared": Matrix(((1, 0.4, 0, 0), (0, 1, -0.3, 2), (0, 0, 0.7, 0), (0, 0, 0, 1))),
}


def assert_same(found: GaussianCloud, expected: GaussianCloud, tolerance: float = 1e-6) -> None:
    """Equal within `tolerance` of each array's largest value; rotations by their covariances."""
    assert len(found) == len(expected) and found.degree == expected.degree
    for name in ("means", "opacities", "sh0", "shN"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(
            one, other, rtol=0, atol=tolerance * np.abs(other).max(initial=0)
        )
    one, other = roots(found), roots(expected)
    np.testing.assert_allclose(
        one @ one.transpose(0, 2, 1),
        other @ other.transpose(0, 2, 1),
        rtol=0,
        atol=4 * tolerance * float(np.square(expected.scales).max(initial=0)),
    )


def roots(cloud: GaussianCloud) -> np.ndarray:
    return (rotation_matrices(cloud.quats) * cloud.scales[:, None, :]).astype(np.float64)


@pytest.mark.parametrize(
    ("degree", "up"),
    [*((3, up) for up in UpAxis), *((degree, UpAxis.Y) for degree in (0, 1, 2, 4))],
)
def test_what_was_imported_leaves_with_the_same_values(
    scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path, degree: int, up: UpAxis
) -> None:
    cloud = random_cloud(40, degree)
    obj = add_splats(cloud, "there", scene.collection)
    write_ply(copy_splats([obj], up), tmp_path / "back.ply")
    loaded = load_cloud(tmp_path / "back.ply")
    assert loaded.up is up and not loaded.origin.any() and not loaded.notes
    assert_same(loaded.cloud, cloud)


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_the_objects_transform_is_in_the_splats(
    scene: bpy.types.Scene, random_cloud: RandomCloud, matrix: Matrix
) -> None:
    cloud = random_cloud(60, 3)
    obj = add_splats(cloud, "moved", scene.collection)
    obj.parent = bpy.data.objects.new("parent", None)
    obj.matrix_parent_inverse = matrix  # unlike an object's own transform, it may shear
    bpy.context.view_layer.update()
    turn = np.eye(4)
    turn[:3, :3] = Y_UP_TO_Z_UP
    expected = apply_affine(cloud, turn.T @ np.array(obj.matrix_world, np.float64) @ turn)
    assert_same(copy_splats([obj]).cloud(), expected)


def test_several_objects_become_one_cloud_with_the_highest_degree(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    flat, rich = random_cloud(5, 0), random_cloud(7, 2)
    objects = [add_splats(c, "part", scene.collection) for c in (flat, rich)]
    objects[1].location = (10, 0, 0)
    cloud = copy_splats([*objects, objects[0]]).cloud()
    assert len(cloud) == 12 and cloud.degree == 2
    assert_same(cloud.select(np.arange(5)), replace(flat, shN=np.zeros((5, 8, 3), np.float32)))
    moved = replace(rich, means=rich.means + np.array([10, 0, 0], np.float32))
    assert_same(cloud.select(np.arange(5, 12)), moved)


def test_objects_of_other_programs_are_exported(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    """Mesh vertices with the attributes, as scripts make them in every Blender."""
    values = random_cloud(4, 0)
    mesh = bpy.data.meshes.new("vertices")
    mesh.vertices.add(4)
    columns = {
        "position": ("FLOAT_VECTOR", "vector", values.means),
        "scale": ("FLOAT_VECTOR", "vector", values.scales),
        "rotation": ("QUATERNION", "value", values.quats),
        "radiance:base": (
            "FLOAT_COLOR",
            "color",
            np.concatenate([values.sh0, values.opacities[:, None]], axis=1),
        ),
    }
    for name, (kind, member, array) in columns.items():
        attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, "POINT")
        attribute.data.foreach_set(member, array.reshape(-1))
    obj = bpy.data.objects.new("vertices", mesh)
    scene.collection.objects.link(obj)
    assert_same(copy_splats([obj], UpAxis.Z).cloud(), values)


def test_what_cannot_be_exported_is_said(scene: bpy.types.Scene, random_cloud: RandomCloud) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    splats = add_splats(random_cloud(3, 0), "splats", scene.collection)
    flat = add_splats(random_cloud(3, 0), "flat", scene.collection)
    for obj in (cube, lamp):
        scene.collection.objects.link(obj)
    flat.scale = (1, 0, 1)
    for objects, sentence in (
        ([], "no objects"),
        ([cube], "'cube' has no splats"),
        ([cube, lamp], "None of the 2 objects"),
    ):
        with pytest.raises(NothingToExport, match=sentence):
            copy_splats(objects)
    with pytest.raises(InvalidTransform, match="'flat' cannot be exported"):
        copy_splats([splats, flat])
    assert copy_splats([cube, splats, lamp]).notes == (
        "2 of the 3 objects have no splats and were left out.",
    )


def test_edited_splats_are_refused(scene: bpy.types.Scene, random_cloud: RandomCloud) -> None:
    obj = add_splats(random_cloud(3, 0), "three", scene.collection)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        with pytest.raises(NoSplats, match="being edited"):
            copy_splats([obj])
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def test_far_splats_keep_their_shape_and_their_place(
    scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path
) -> None:
    cloud = random_cloud(50, 1)
    obj = add_splats(cloud, "capture", scene.collection)
    place = np.array([356_000.123, 5_640_000.456, 120.789])
    obj.location = place.tolist()
    write_origin(obj, place.tolist())
    report = write_ply(copy_splats([obj], UpAxis.Z), tmp_path / "utm.ply")
    assert "64 bits" in report.notes[0]
    _, rows = next(open_vertices(tmp_path / "utm.ply").blocks())
    world = np.stack([rows["x"], rows["y"], rows["z"]], axis=1)
    expected = cloud.means.astype(np.float64) @ Y_UP_TO_Z_UP.T + place
    extent = np.ptp(cloud.means, axis=0).max()
    assert np.abs(world - expected).max() < 1e-6 * extent
