"""Depth and normal maps of objects, rendered from an engine's front camera."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from blender_addon import api
from blender_addon.contract.cards import ConditionKind, MapCamera
from blender_addon.contract.problems import InvalidRequest
from blender_addon.scene.control_map import SIZE, render_map
from blender_addon.scene.images import encode_png

CAMERA = MapCamera(1.4, 39.6)
MIDDLE = SIZE // 2


@pytest.fixture
def cube() -> bpy.types.Object:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_cube_add(size=4, location=(10, -3, 7))
    return bpy.context.object


def test_a_cube_from_the_front_is_a_square_on_white(cube: bpy.types.Object) -> None:
    depth = render_map([cube], ConditionKind.DEPTH, CAMERA, 0)
    seen = depth[..., 0] < 1
    rows, columns = np.nonzero(seen)
    width = columns.max() - columns.min() + 1
    assert width == rows.max() - rows.min() + 1
    # Its front stands before the sphere's middle by half an edge, the sphere fills nine tenths.
    radius = 0.9 * CAMERA.distance * math.sin(math.radians(CAMERA.fov / 2))
    edge = 2 * radius / math.sqrt(3)
    slope = math.tan(math.radians(CAMERA.fov / 2))
    assert width == pytest.approx(SIZE * edge / 2 / (CAMERA.distance - edge / 2) / slope, abs=2)
    assert depth[seen].min() == 0 and (depth[~seen] == 1).all()


def test_near_is_brighter_than_far(cube: bpy.types.Object) -> None:
    depth = render_map([cube], ConditionKind.DEPTH, CAMERA, 45)[..., 0]
    column = depth[:, MIDDLE]
    top, edge = (column < 1).argmax(), column[column < 1].argmax()
    assert column[top] < column[column < 1][edge]


def test_normals_are_in_the_asset_frame(cube: bpy.types.Object) -> None:
    front = render_map([cube], ConditionKind.NORMAL, CAMERA, 0)
    np.testing.assert_allclose(front[MIDDLE, MIDDLE], [0.5, 0.5, 1, 1], atol=1e-5)
    above = render_map([cube], ConditionKind.NORMAL, CAMERA, 89)
    np.testing.assert_allclose(above[MIDDLE, MIDDLE], [0.5, 1, 0.5, 1], atol=1e-5)


def test_image_is_not_mirrored(cube: bpy.types.Object) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1, location=(14, -3, 7))
    both = render_map([cube, bpy.context.object], ConditionKind.DEPTH, CAMERA, 0)[..., 0] < 1
    rows = both.sum(axis=0)
    assert rows[both.any(axis=0)][0] > rows[both.any(axis=0)][-1]


def test_object_scale_is_applied(cube: bpy.types.Object) -> None:
    flat = (render_map([cube], ConditionKind.DEPTH, CAMERA, 0)[..., 0] < 1).sum()
    cube.scale.x = 3
    assert (render_map([cube], ConditionKind.DEPTH, CAMERA, 0)[..., 0] < 1).sum() != flat


def test_objects_without_faces_are_refused() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.object.light_add()
    with pytest.raises(InvalidRequest, match="no faces"):
        render_map([bpy.context.object], ConditionKind.DEPTH, CAMERA, 0)


def test_control_map_is_encoded_as_png(cube: bpy.types.Object) -> None:
    control_map = api.ControlMap((cube,), ConditionKind.NORMAL, CAMERA, 20)
    images = len(bpy.data.images)
    assert control_map.png().startswith(b"\x89PNG")
    assert len(bpy.data.images) == images


def test_png_keeps_pixel_values(tmp_path_factory: pytest.TempPathFactory) -> None:
    pixels = np.ones((3, 2, 4), np.float32)
    pixels[0, 0] = 0.25, 0.5, 0.75, 1
    path = tmp_path_factory.mktemp("pictures") / "map.png"
    path.write_bytes(encode_png(pixels))
    image = bpy.data.images.load(str(path))
    read = np.array(image.pixels[:]).reshape(3, 2, 4)[::-1]
    np.testing.assert_allclose(read, pixels, atol=1 / 255)
