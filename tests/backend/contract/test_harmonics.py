from __future__ import annotations

import numpy as np
import pytest

from splatsmith.contract.harmonics import basis, rotate_harmonics

DEGREES = (1, 2, 3, 4)


def random_directions(count: int) -> np.ndarray:
    directions = np.random.default_rng(7).normal(size=(count, 3))
    return (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


def random_rotation() -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def random_coefficients(degree: int, count: int = 9) -> np.ndarray:
    shape = (count, (degree + 1) ** 2 - 1, 3)
    return np.random.default_rng(degree).normal(size=shape).astype(np.float32)


def test_harmonics_are_orthonormal() -> None:
    heights, weights = np.polynomial.legendre.leggauss(12)
    z, azimuth = np.meshgrid(heights, np.arange(24) * 2 * np.pi / 24, indexing="ij")
    radius = np.sqrt(1 - z * z)
    sphere = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1)
    values = basis(sphere.reshape(-1, 3).astype(np.float32), 4)
    gram = (values * np.repeat(weights, 24)[:, None]).T @ values * 2 * np.pi / 24
    np.testing.assert_allclose(gram, np.eye(25), atol=1e-5)


def test_signs_are_those_of_splat_files() -> None:
    x, y, z = np.eye(3, dtype=np.float32)[:, None]
    assert basis(x, 1)[0, 3] < 0
    assert basis(y, 1)[0, 1] < 0
    assert basis(z, 1)[0, 2] > 0


@pytest.mark.parametrize("degree", DEGREES)
def test_rotated_harmonics_have_the_old_values_in_rotated_directions(degree: int) -> None:
    rotation = random_rotation()
    coefficients = random_coefficients(degree)
    directions = random_directions(50)
    turned_directions = (directions @ rotation.T).astype(np.float32)
    before = np.einsum("mk,nkc->nmc", basis(directions, degree)[:, 1:], coefficients)
    turned = rotate_harmonics(coefficients, rotation)
    after = np.einsum("mk,nkc->nmc", basis(turned_directions, degree)[:, 1:], turned)
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.parametrize("degree", (0, *DEGREES))
def test_rotation_and_inverse_rotation_cancel(degree: int) -> None:
    rotation = random_rotation()
    coefficients = random_coefficients(degree)
    back = rotate_harmonics(rotate_harmonics(coefficients, rotation), rotation.T)
    assert back.shape == coefficients.shape
    np.testing.assert_allclose(back, coefficients, atol=1e-5)


def test_each_rotated_coefficient_is_contiguous() -> None:
    turned = rotate_harmonics(random_coefficients(3), random_rotation())
    assert all(turned[:, k].flags.c_contiguous for k in range(15))
