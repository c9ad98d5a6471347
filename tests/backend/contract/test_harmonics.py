from __future__ import annotations

import numpy as np
import pytest

from splatsmith.contract.harmonics import evaluate_band, turn_harmonics, turn_matrix

DEGREES = (1, 2, 3, 4)
BAND_STARTS = {1: 0, 2: 3, 3: 8, 4: 15}


def random_directions(count: int) -> np.ndarray:
    directions = np.random.default_rng(7).normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def random_rotation() -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


@pytest.mark.parametrize("degree", DEGREES)
def test_bands_are_orthonormal(degree: int) -> None:
    z, weights = np.polynomial.legendre.leggauss(12)
    azimuth = np.arange(24) * 2 * np.pi / 24
    z, azimuth = (a.ravel() for a in np.meshgrid(z, azimuth, indexing="ij"))
    radius = np.sqrt(1 - z * z)
    sphere = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=1)
    band = evaluate_band(degree, sphere)
    gram = (band * np.repeat(weights, 24)[:, None]).T @ band * 2 * np.pi / 24
    np.testing.assert_allclose(gram, np.eye(2 * degree + 1), atol=1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_turned_band_shows_from_turned_direction_what_it_showed_before(degree: int) -> None:
    rotation = random_rotation()
    coefficients = np.random.default_rng(degree).normal(size=2 * degree + 1)
    directions = random_directions(50)
    before = evaluate_band(degree, directions) @ coefficients
    turned = turn_matrix(degree, rotation) @ coefficients
    after = evaluate_band(degree, directions @ rotation.T) @ turned
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("degree", (0, *DEGREES))
def test_harmonics_turn_band_by_band(degree: int) -> None:
    rotation = random_rotation()
    count = (degree + 1) ** 2 - 1
    coefficients = np.random.default_rng(degree).normal(size=(5, count, 3)).astype(np.float32)
    turned = turn_harmonics(coefficients, rotation)
    assert turned.shape == coefficients.shape
    assert all(turned[:, k].flags.c_contiguous for k in range(count))
    for band, start in BAND_STARTS.items():
        if band <= degree:
            part = slice(start, start + 2 * band + 1)
            expected = np.einsum("kj,njc->nkc", turn_matrix(band, rotation), coefficients[:, part])
            np.testing.assert_allclose(turned[:, part], expected, atol=1e-5)


def test_turning_there_and_back_changes_nothing() -> None:
    rotation = random_rotation()
    coefficients = np.random.default_rng(0).normal(size=(9, 24, 3)).astype(np.float32)
    back = turn_harmonics(turn_harmonics(coefficients, rotation), rotation.T)
    np.testing.assert_allclose(back, coefficients, atol=1e-5)
