"""Splats as they are in the scene: read with the transform of their object."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.transform import (
    Y_UP_TO_Z_UP,
    InvalidTransform,
    apply_affine,
    rotation_matrices,
)
from blender_addon.scene.splats import add_splats
from tests.addon.world_splats import read_world_splats

RandomCloud = Callable[[int, int], GaussianCloud]


def covariances(cloud: GaussianCloud) -> np.ndarray:
    axes = rotation_matrices(cloud.quats) * cloud.scales[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def test_splats_are_read_with_the_transform_of_their_object(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(40, 3)
    obj = add_splats(cloud, "sheared", scene.collection)
    parent = bpy.data.objects.new("parent", None)
    scene.collection.objects.link(parent)
    parent.scale = (2, -1, 0.5)
    obj.parent, obj.rotation_euler, obj.location = parent, (0.4, 1.0, -2.0), (1, 2, 3)
    world = read_world_splats(obj)
    matrix = np.array(obj.matrix_world, np.float64)
    to_blender = np.eye(4)
    to_blender[:3, :3] = Y_UP_TO_Z_UP
    expected = apply_affine(cloud, matrix @ to_blender)
    np.testing.assert_allclose(world.means, expected.means, atol=1e-5)
    np.testing.assert_allclose(covariances(world), covariances(expected), atol=1e-6)
    np.testing.assert_allclose(world.shN, expected.shN, atol=1e-4)


def test_flattened_splats_are_refused(scene: bpy.types.Scene, random_cloud: RandomCloud) -> None:
    obj = add_splats(random_cloud(5, 0), "flat", scene.collection)
    obj.scale = (1, 0, 1)
    with pytest.raises(InvalidTransform, match="flattens.*scale other than 0"):
        read_world_splats(obj)
