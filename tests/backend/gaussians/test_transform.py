"""Transforms of clouds: images stay the same if the cameras are transformed as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.transform import (
    Y_UP_TO_Z_UP,
    multiply_quaternions,
    quaternion,
    quaternions,
    rotate_vectors,
    rotation_matrices,
    transform_cloud,
)
from splatsmith.gaussians.cameras import Cameras, orbit_cameras
from splatsmith.gaussians.rasterize import rasterize

from .clouds import random_cloud


def random_rotation(seed: int) -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return rotation * np.sign(np.linalg.det(rotation))


def transformed_cameras(
    cameras: Cameras, rotation: np.ndarray, scale: float, translation: tuple[float, float, float]
) -> Cameras:
    """Cameras with the view of the transformed world that `cameras` have of the original one."""
    viewmats = cameras.viewmats.copy()
    viewmats[:, :3, :3] = cameras.viewmats[:, :3, :3] @ rotation.T
    viewmats[:, :3, 3] *= scale
    viewmats[:, :3, 3] -= viewmats[:, :3, :3] @ np.asarray(translation, np.float32)
    return replace(cameras, viewmats=viewmats)


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("rotation", [random_rotation(1), random_rotation(2), Y_UP_TO_Z_UP])
def test_images_of_a_transformed_cloud_stay_the_same(degree: int, rotation: np.ndarray) -> None:
    cloud = random_cloud(400, degree)
    cameras = orbit_cameras([20.0, 200.0], 25.0, 3.0, 45.0, 40)
    move = (rotation, 2.0, (0.3, -1.0, 5.0))
    before = rasterize(cloud, cameras)
    after = rasterize(transform_cloud(cloud, *move), transformed_cameras(cameras, *move))
    np.testing.assert_allclose(after.colors, before.colors, atol=5e-3)
    np.testing.assert_allclose(after.depths, 2 * before.depths, atol=2e-2)


def test_harmonics_left_as_they_are_change_the_images() -> None:
    cloud = random_cloud(400, 3)
    cameras = orbit_cameras([20.0], 25.0, 3.0, 45.0, 40)
    move = (random_rotation(1), 1.0, (0.0, 0.0, 0.0))
    without_harmonics = replace(transform_cloud(cloud, *move), shN=cloud.shN)
    after = rasterize(without_harmonics, transformed_cameras(cameras, *move))
    assert np.abs(after.colors - rasterize(cloud, cameras).colors).max() > 0.05


def test_rotated_vectors_equal_the_matrix_product() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    for rotation in (random_rotation(3), Y_UP_TO_Z_UP):
        product = vectors @ rotation.T
        np.testing.assert_allclose(rotate_vectors(vectors, rotation), product, atol=1e-6)


def test_quaternion_products_are_products_of_rotations() -> None:
    rotations = np.stack([random_rotation(seed) for seed in range(20)])
    for left in (random_rotation(30), Y_UP_TO_Z_UP):
        products = multiply_quaternions(quaternion(left), quaternions(rotations))
        np.testing.assert_allclose(rotation_matrices(products), left @ rotations, atol=1e-6)


def test_quaternions_of_half_turns_are_exact() -> None:
    half_turns = np.array([np.diag(d) for d in ((1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, 1))])
    np.testing.assert_allclose(rotation_matrices(quaternions(half_turns)), half_turns, atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_quaternion_and_rotation_matrices_are_inverse(seed: int) -> None:
    rotation = random_rotation(seed)
    again = rotation_matrices(quaternion(rotation)[None])[0]
    np.testing.assert_allclose(again, rotation, atol=1e-6)


@pytest.mark.parametrize(
    ("rotation", "scale"),
    [(np.diag([1.0, 1, -1]), 1.0), (2 * np.eye(3), 1.0), (np.eye(3), 0.0), (np.eye(3), -1.0)],
)
def test_reflections_and_non_uniform_scales_are_refused(rotation: np.ndarray, scale: float) -> None:
    with pytest.raises(ValueError, match="must be orthonormal|not above 0"):
        transform_cloud(random_cloud(3), rotation, scale)
