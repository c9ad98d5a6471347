"""Scenes with a camera path: the camera sees in Blender what it saw when they were generated."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from blender_addon import api
from blender_addon.contract.cloud import GaussianCloud, write_cloud

FOV = 40.0
# An object of asset-frame axes x right, y up, z front, seen by OpenCV cameras: x right, y down,
# z forward. The first looks along -z; the second, one unit further right, along -x.
POSES = (
    (1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1),
    (0, 0, -1, 1, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0, 0, 1),
)


@pytest.fixture
def scene_folder(ball: GaussianCloud, tmp_path: Path) -> Path:
    """Results of a scene: a ball five units before the picture's camera."""
    centered = ball.means * np.float32(0.2)
    means = centered + np.array([0, 0, -5], np.float32)
    write_cloud(tmp_path / "splats.ply", replace(ball, means=means))
    record = {
        "request": {"prompt": "", "name": "a street", "engine": "diffusiongs"},
        "placement": "camera",
        "camera_path": {"fov": FOV, "poses": POSES},
    }
    (tmp_path / "job.json").write_text(json.dumps(record), encoding="utf-8")
    return tmp_path


def seen_at(asset: api.Asset, point: tuple[float, float, float]) -> tuple[float, ...]:
    """A point of the asset frame in the camera's image: 0..1 from its lower left, and its depth."""
    bpy.context.view_layer.update()
    x, y, z = point
    world = asset.objects[api.Product.SPLATS].matrix_world @ Vector((x, -z, y))
    return tuple(world_to_camera_view(bpy.context.scene, asset.camera, world))


def test_a_scene_is_seen_as_its_picture_s_camera_saw_it(session: None, scene_folder: Path) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 512
    asset = api.import_asset(scene_folder, placement=api.Placement((3, 4, 5), size=0.1))
    assert asset.camera is not None
    assert tuple(asset.objects[api.Product.SPLATS].scale) == (1, 1, 1)
    assert tuple(asset.camera.location) == pytest.approx((3, 4, 5))
    assert scene.camera is asset.camera
    assert seen_at(asset, (0, 0, -5)) == pytest.approx((0.5, 0.5, 5), abs=1e-4)
    edge = 5 * math.tan(math.radians(FOV / 2))
    assert seen_at(asset, (edge, 0, -5)) == pytest.approx((1, 0.5, 5), abs=1e-4)
    assert seen_at(asset, (0, edge, -5)) == pytest.approx((0.5, 1, 5), abs=1e-4)


def test_the_camera_moves_along_the_path(session: None, scene_folder: Path) -> None:
    start = bpy.context.scene.frame_current
    asset = api.import_asset(scene_folder)
    assert asset.camera is not None
    last = int(asset.camera.animation_data.action.frame_range[1])
    assert last > start
    bpy.context.scene.frame_set(last)
    assert seen_at(asset, (-2, 0, 0)) == pytest.approx((0.5, 0.5, 3), abs=1e-4)
    bpy.context.scene.frame_set(start)
    assert seen_at(asset, (0, 0, -5)) == pytest.approx((0.5, 0.5, 5), abs=1e-4)


def test_the_scene_s_own_camera_stays(session: None, scene_folder: Path) -> None:
    own = bpy.data.objects.new("own", bpy.data.cameras.new("own"))
    bpy.context.scene.collection.objects.link(own)
    bpy.context.scene.camera = own
    asset = api.import_asset(scene_folder)
    assert asset.camera is not None
    assert bpy.context.scene.camera is own
