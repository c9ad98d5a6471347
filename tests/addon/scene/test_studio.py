from __future__ import annotations

import itertools

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from blender_addon.scene.studio import add_label, add_step, build_studio, render

LOWER, UPPER = Vector((-2, -1, 0)), Vector((2, 2, 1.8))


def test_the_camera_sees_all_of_the_box_and_is_filled_by_it(scene: bpy.types.Scene) -> None:
    scene.render.resolution_x, scene.render.resolution_y = 1200, 800
    build_studio(scene, LOWER, UPPER)
    bpy.context.view_layer.update()
    corners = itertools.product(*zip(LOWER, UPPER, strict=True))
    seen = np.array([world_to_camera_view(scene, scene.camera, Vector(c)) for c in corners])
    assert (seen[:, :2] > -0.001).all()
    assert (seen[:, :2] < 1.001).all()
    assert np.ptp(seen[:, :2], axis=0).max() > 0.95
    assert (seen[:, 2] > 0).all()


def test_a_white_ball_is_well_exposed_before_the_backdrop(
    scene: bpy.types.Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scene.render.resolution_x, scene.render.resolution_y = 60, 40
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.8, location=(0, 0, 0.8))
    studio = build_studio(scene, LOWER, UPPER)
    add_step(studio, (-2, 1), (2, 2), 0.4)
    add_label(studio, "ball", (0, -0.9, 0), 0.2)
    file = tmp_path_factory.mktemp("studio") / "ball.png"
    render(scene, file, 20)
    image = bpy.data.images.load(str(file))
    pixels = np.array(image.pixels[:]).reshape(40, 60, 4)
    assert (image.size[0], image.size[1]) == (60, 40)
    ball, sky = pixels[18, 30, :3].mean(), pixels[36, 5, :3].mean()
    assert 0.6 < ball < 1
    assert 0.3 < sky < 0.8
