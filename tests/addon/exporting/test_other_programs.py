"""Exported files in other programs' readers, and objects that other importers made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import plyfile
import pytest
from mathutils import Matrix

from blender_addon.contract.cloud import GaussianCloud, load_cloud, write_cloud
from blender_addon.contract.up_axis import UpAxis
from blender_addon.exporting.files import write_ply
from blender_addon.exporting.splat_source import copy_splats
from blender_addon.scene.point_data import read_attributes
from blender_addon.scene.splats import IS_NATIVE, add_splats

RandomCloud = Callable[[int, int], GaussianCloud]
TRANSFORM = Matrix.LocRotScale((1, 2, 3), Matrix.Rotation(0.7, 3, (1, 2, 3)), (2, 1, 0.5))
native = pytest.mark.skipif(not IS_NATIVE, reason="this Blender has no native splats")


@pytest.fixture
def exported(scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path) -> Path:
    """A turned and stretched object as a file with Z up, as Blender has it."""
    obj = add_splats(random_cloud(200, 3), "original", scene.collection)
    obj.matrix_world = TRANSFORM
    write_ply(copy_splats([obj], UpAxis.Z), tmp_path / "exported.ply")
    return tmp_path / "exported.ply"


def test_plyfile_reads_the_properties_of_3d_gaussian_splatting(exported: Path) -> None:
    vertices = plyfile.PlyData.read(str(exported))["vertex"]
    cloud = load_cloud(exported, UpAxis.Y).cloud
    names = [p.name for p in vertices.properties]
    assert names[:7] == ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "f_rest_0"]
    assert names[-8:] == [
        "opacity",
        "scale_0",
        "scale_1",
        "scale_2",
        *(f"rot_{i}" for i in range(4)),
    ]
    assert {p.val_dtype for p in vertices.properties} == {"f4"}
    np.testing.assert_array_equal(vertices["y"], cloud.means[:, 1])
    np.testing.assert_array_equal(vertices["f_rest_16"], cloud.shN[:, 1, 1])  # green's second
    np.testing.assert_allclose(np.exp(vertices["scale_2"]), cloud.scales[:, 2], rtol=1e-6)
    np.testing.assert_allclose(1 / (1 + np.exp(-vertices["opacity"])), cloud.opacities, rtol=1e-6)


@native
def test_blenders_own_importer_makes_the_same_splats(exported: Path) -> None:
    bpy.ops.wm.ply_import(filepath=str(exported))
    found = read_attributes(bpy.context.object.data)
    cloud = load_cloud(exported, UpAxis.Y).cloud
    assert bpy.context.object.data.type == "GAUSSIAN_SPLAT"
    np.testing.assert_array_equal(found["position"], cloud.means)
    np.testing.assert_allclose(found["scale"], cloud.scales, rtol=1e-6)
    np.testing.assert_allclose(found["rotation"], cloud.quats, atol=1e-6)
    np.testing.assert_array_equal(found["radiance:base"][:, :3], cloud.sh0)
    np.testing.assert_allclose(found["radiance:base"][:, 3], cloud.opacities, rtol=1e-6)
    for k in range(15):
        np.testing.assert_array_equal(found[f"radiance:sh_{k}"], cloud.shN[:, k])


@native
@pytest.mark.parametrize("degree", range(5))
def test_objects_of_blenders_own_importer_leave_with_the_same_values(
    scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path: Path, degree: int
) -> None:
    cloud = random_cloud(100, degree)
    write_cloud(tmp_path / "theirs.ply", cloud)
    bpy.ops.wm.ply_import(filepath=str(tmp_path / "theirs.ply"))
    write_ply(copy_splats([bpy.context.object], UpAxis.Z), tmp_path / "back.ply")
    back = load_cloud(tmp_path / "back.ply", UpAxis.Y).cloud
    for name in ("means", "quats", "scales", "opacities", "sh0", "shN"):
        np.testing.assert_allclose(getattr(back, name), getattr(cloud, name), atol=1e-6)
