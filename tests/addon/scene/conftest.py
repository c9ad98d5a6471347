from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.nodes import clear_node_tree


@pytest.fixture
def scene() -> bpy.types.Scene:
    """An empty scene in a new file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def balls() -> Callable[..., GaussianCloud]:
    """Makes a cloud of round splats from rows (x, y, z, radius), opaque and grey."""

    def make(*rows: tuple[float, float, float, float], opacity: float = 1.0) -> GaussianCloud:
        values = np.array(rows, np.float32)
        count = len(values)
        return GaussianCloud(
            means=np.ascontiguousarray(values[:, :3]),
            quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
            scales=np.repeat(values[:, 3:], 3, axis=1),
            opacities=np.full(count, opacity, np.float32),
            sh0=np.zeros((count, 3), np.float32),
            shN=np.empty((count, 0, 3), np.float32),
        )

    return make


@pytest.fixture
def render_front_view(
    scene: bpy.types.Scene, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[tuple[float, float, float]], np.ndarray]:
    """Takes linear RGBA [64, 64, 4] of the 4 x 4 metres around a place, from the front (-Y).

    A white sky lights the scene but is not in the picture.
    """

    def take(middle: tuple[float, float, float]) -> np.ndarray:
        lens = bpy.data.cameras.new("camera")
        lens.type, lens.ortho_scale = "ORTHO", 4
        camera = scene.camera = bpy.data.objects.new("camera", lens)
        camera.location = (middle[0], middle[1] - 10, middle[2])
        camera.rotation_euler = (np.pi / 2, 0, 0)
        scene.collection.objects.link(camera)
        world = scene.world = bpy.data.worlds.new("white")
        tree = clear_node_tree(world)
        tree.add("ShaderNodeOutputWorld", tree.out("ShaderNodeBackground", (1, 1, 1, 1), 1.0))
        file = tmp_path_factory.mktemp("render_front_view") / "picture.exr"
        render = scene.render
        render.engine, scene.cycles.samples = "CYCLES", 8
        scene.cycles.use_denoising = False
        render.film_transparent = True
        render.resolution_x = render.resolution_y = 64
        render.image_settings.file_format = "OPEN_EXR"
        render.image_settings.color_depth = "32"
        render.filepath = str(file)
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(str(file))
        pixels = np.empty(64 * 64 * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(64, 64, 4)

    return take
