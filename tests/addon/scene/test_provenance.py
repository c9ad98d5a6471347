from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.scene.asset_browser import AssetDetails, add_to_asset_browser
from blender_addon.scene.provenance import Provenance, read_provenance, write_provenance


@pytest.fixture
def cube(scene: bpy.types.Scene) -> bpy.types.Object:
    obj = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    scene.collection.objects.link(obj)
    return obj


def test_provenance_survives_saving(
    cube: bpy.types.Object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    provenance = Provenance('{"prompt": "un \\"café\\" 椅子"}', "0123", "sprout", "splats")
    write_provenance(cube, provenance)
    file = str(tmp_path_factory.mktemp("saved") / "cube.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    assert read_provenance(bpy.data.objects["cube"]) == provenance


def test_objects_of_older_versions_have_no_licence(cube: bpy.types.Object) -> None:
    write_provenance(cube, Provenance("{}", "0123", "sprout", "splats", "MIT", "allowed"))
    del cube["splatsmith_licence"], cube["splatsmith_commercial_use"]
    assert read_provenance(cube) == Provenance("{}", "0123", "sprout", "splats")


def test_other_objects_have_none(cube: bpy.types.Object) -> None:
    assert read_provenance(cube) is None
    cube["splatsmith_request"] = 3
    assert read_provenance(cube) is None


def test_an_asset_shows_its_picture_and_tags(
    cube: bpy.types.Object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    picture = red_picture(tmp_path_factory.mktemp("p") / "p.png")
    add_to_asset_browser(cube, AssetDetails("a chair", tags=("chair",), preview=picture))
    assert cube.asset_data.description == "a chair"
    assert [tag.name for tag in cube.asset_data.tags] == ["chair"]
    preview = cube.preview
    assert tuple(preview.image_size) == (8, 4)
    np.testing.assert_allclose(preview.image_pixels_float[:4], [1, 0, 0, 1], atol=0.01)
    assert not bpy.data.images


def red_picture(path: Path) -> Path:
    image = bpy.data.images.new("red", 8, 4)
    image.pixels[:] = [1, 0, 0, 1] * 32
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path
