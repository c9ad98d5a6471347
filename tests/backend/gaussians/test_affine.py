"""Affine maps of clouds, against dense covariances and against colors in turned directions."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.harmonics import basis
from splatsmith.contract.transform import (
    InvalidTransform,
    apply_affine,
    rotation_matrices,
    transform_cloud,
)

from .clouds import random_cloud


def turn(seed: int) -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return rotation * np.sign(np.linalg.det(rotation))


SHEAR = np.array([[1, 0.7, 0], [0, 1, -0.3], [0.2, 0, 1]])
LINEAR = {
    "identity": np.eye(3),
    "turn": turn(1),
    "quarter turn": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "uniform scale": 2.5 * np.eye(3),
    "very small": 1e-10 * turn(2),
    "very large": 1e8 * turn(3),
    "stretch": np.diag([3.0, 1.0, 0.2]),
    "turned stretch": turn(4) @ np.diag([3.0, 1.0, 0.2]) @ turn(5),
    "flat": turn(4) @ np.diag([1.0, 1.0, 1e-4]),
    "shear": SHEAR,
    "mirror": np.diag([-1.0, 1, 1]),
    "point reflection": -np.eye(3),
    "mirrored turn": turn(6) @ np.diag([1.0, -2.0, 1]) @ turn(7),
    "mirrored shear": SHEAR @ np.diag([1.0, 1, -1]),
}
each_map = pytest.mark.parametrize("linear", LINEAR.values(), ids=LINEAR.keys())


def affine(linear: np.ndarray, translation: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, translation
    return matrix


def covariances(cloud: GaussianCloud) -> np.ndarray:
    quats = cast("NDArray[np.float32]", cloud.quats.astype(np.float64))  # for its precision
    axes = rotation_matrices(quats) * cloud.scales[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def thin_cloud(degree: int = 0) -> GaussianCloud:
    """Blades: each Gaussian's scales are up to 1,000 times apart."""
    cloud = random_cloud(300, degree)
    scales = np.random.default_rng(8).uniform(-3, 0, cloud.scales.shape)
    return replace(cloud, scales=(10**scales).astype(np.float32))


def colors(cloud: GaussianCloud, directions: np.ndarray) -> np.ndarray:
    values = basis(directions.astype(np.float32), cloud.degree)[:, 1:]
    return np.einsum("mk,nkc->nmc", values, cloud.shN)


@each_map
def test_means_and_covariances_are_mapped(linear: np.ndarray) -> None:
    cloud, shift = thin_cloud(), np.linalg.norm(linear) * np.array([3.0, -2.0, 5.0])
    mapped = apply_affine(cloud, affine(linear, tuple(shift)))
    size = np.linalg.norm(linear, 2)
    expected = cloud.means @ linear.T + shift
    np.testing.assert_allclose(mapped.means / size, expected / size, atol=1e-5)
    expected = linear @ covariances(cloud) @ linear.T
    largest = np.linalg.norm(expected, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(covariances(mapped) / largest, expected / largest, atol=2e-6)
    volumes = np.prod(mapped.scales.astype(np.float64), axis=1)
    before = np.prod(cloud.scales.astype(np.float64), axis=1)
    np.testing.assert_allclose(volumes, before * abs(np.linalg.det(linear)), rtol=1e-4)


@each_map
def test_rotations_stay_unit_quaternions_and_scales_positive(linear: np.ndarray) -> None:
    mapped = apply_affine(thin_cloud(), affine(linear))
    np.testing.assert_allclose(np.linalg.norm(mapped.quats, axis=1), 1, atol=1e-6)
    assert (mapped.scales > 0).all()


@each_map
@pytest.mark.parametrize("degree", range(5))
def test_colors_turn_with_the_orthogonal_factor(linear: np.ndarray, degree: int) -> None:
    cloud = random_cloud(20, degree)
    mapped = apply_affine(cloud, affine(linear))
    left, _, right = np.linalg.svd(linear)
    directions = np.random.default_rng(9).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    after = colors(mapped, directions @ (left @ right).T)
    np.testing.assert_allclose(after, colors(cloud, directions), atol=1e-4)
    np.testing.assert_array_equal(mapped.sh0, cloud.sh0)
    np.testing.assert_array_equal(mapped.opacities, cloud.opacities)


@pytest.mark.parametrize("name", sorted(LINEAR.keys() - {"flat"}))
def test_the_inverse_map_restores_the_cloud(name: str) -> None:
    linear = LINEAR[name]
    cloud = thin_cloud()
    matrix = affine(linear, tuple(np.linalg.norm(linear) * np.array([1.0, 2.0, 3.0])))
    back = apply_affine(apply_affine(cloud, matrix), np.linalg.inv(matrix))
    np.testing.assert_allclose(back.means, cloud.means, atol=1e-5)
    largest = np.linalg.norm(covariances(cloud), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(covariances(back) / largest, covariances(cloud) / largest, atol=2e-5)


def test_a_similarity_is_the_transform_of_version_0_1() -> None:
    cloud, rotation = random_cloud(50, 2), turn(11)
    by_matrix = apply_affine(cloud, affine(1.5 * rotation, (1, 2, 3)))
    by_parts = transform_cloud(cloud, rotation, 1.5, (1, 2, 3))
    for name in ("means", "quats", "scales", "shN"):
        np.testing.assert_allclose(getattr(by_matrix, name), getattr(by_parts, name), atol=1e-5)


@pytest.mark.parametrize("flat", [(0.0, 0.02, 0.03), (0.0, 0.0, 0.03), (0.0, 0.0, 0.0)])
def test_gaussians_without_thickness_stay_finite_and_flat(flat: tuple[float, ...]) -> None:
    cloud = random_cloud(50, 0)
    cloud = replace(cloud, scales=np.tile(np.array(flat, np.float32), (50, 1)))
    mapped = apply_affine(cloud, affine(LINEAR["turned stretch"]))
    np.testing.assert_allclose(np.linalg.norm(mapped.quats, axis=1), 1, atol=1e-6)
    expected = LINEAR["turned stretch"] @ covariances(cloud) @ LINEAR["turned stretch"].T
    np.testing.assert_allclose(covariances(mapped), expected, atol=1e-7)


def test_an_empty_cloud_stays_empty() -> None:
    assert not len(apply_affine(random_cloud(0, 1), affine(SHEAR)))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (affine(np.diag([1.0, 1, 0])), "flattens"),
        (affine(turn(1) @ np.diag([1.0, 1, 1e-8]) @ turn(2)), "flattens"),
        (affine(np.zeros((3, 3))), "flattens"),
        (affine(np.diag([1.0, 1, np.nan])), "not numbers"),
        (affine(np.eye(3), (np.inf, 0, 0)), "not numbers"),
        (np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]), "projection"),
        (np.eye(3), "4x4"),
    ],
)
def test_a_map_that_cannot_be_undone_is_refused(matrix: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidTransform, match=words):
        apply_affine(random_cloud(3), matrix)
