"""Poisson-disk sampling: even, exactly as many points as wanted, deterministic."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.extraction.sampling.poisson_disk import poisson_disk_sample
from splatsmith.progress import silent


def square(count: int, side: float = 1.0) -> NDArray[np.float32]:
    points = np.zeros((count, 3), np.float32)
    points[:, :2] = np.random.default_rng(0).uniform(0, side, (count, 2))
    return points


def upwards(count: int) -> NDArray[np.float32]:
    return np.tile(np.array([0, 0, 1], np.float32), (count, 1))


def nearest(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return KDTree(points).query(points, k=2)[0][:, 1]


@pytest.mark.parametrize("side", [1e-3, 1, 30])
@pytest.mark.parametrize("count", [100, 10_000])
def test_distances_are_near_the_densest_packing(count: int, side: float) -> None:
    points = square(6 * count, side)
    chosen = poisson_disk_sample(points, upwards(len(points)), count, silent())
    distances = nearest(points[chosen]) / np.sqrt(2 / np.sqrt(3) / count) / side
    assert distances.mean() > 0.75
    assert np.quantile(distances, 0.01) > 0.55


def test_two_sides_of_a_wall_are_sampled_independently() -> None:
    points = square(6000)
    normals = upwards(len(points))
    normals[::2] *= -1
    chosen = poisson_disk_sample(points, normals, 1000, silent())
    for side in (0, 1):
        of_one = chosen[chosen % 2 == side]
        assert len(of_one) == pytest.approx(500, abs=25)
        assert nearest(points[of_one]).mean() > 0.75 * np.sqrt(2 / np.sqrt(3) / 500)


@pytest.mark.parametrize("count", [1, 2, 599, 600])
def test_exactly_as_many_points_are_chosen_each_once(count: int) -> None:
    points = square(600)
    chosen = poisson_disk_sample(points, upwards(600), count, silent())
    assert len(set(chosen)) == count
    again = poisson_disk_sample(points, upwards(600), count, silent())
    np.testing.assert_array_equal(chosen, again)


def test_coincident_points_are_all_chosen_if_wanted() -> None:
    points = np.zeros((50, 3), np.float32)
    assert sorted(poisson_disk_sample(points, upwards(50), 50, silent())) == list(range(50))


def test_more_points_than_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="11 of 10"):
        poisson_disk_sample(square(10), upwards(10), 11, silent())
