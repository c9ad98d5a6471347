"""Robust bounds: the sphere and the box around a cloud's object, whatever else is in the cloud."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.bounds import Box, Sphere, bounding_box, bounding_sphere
from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.unit_sphere import to_unit_sphere

from .clouds import joined, random_cloud, shell

Ball = tuple[float, float, float, float]  # center and standard deviation


def assert_around_the_ball(sphere: Sphere, radius: float = 1.0) -> None:
    assert np.abs(sphere.center).max() < 0.05 * radius
    assert radius < sphere.radius < 1.4 * radius


@pytest.mark.parametrize("size", [1e-18, 1e-6, 1, 1e6, 1e18])
def test_sphere_fits_objects_of_any_size(size: float) -> None:
    cloud = shell(2000, size)
    sphere = bounding_sphere(cloud)
    assert_around_the_ball(sphere, size)
    unit = to_unit_sphere(cloud, sphere)
    assert 0.6 < np.linalg.norm(unit.means, axis=1).mean() < 1


def test_sphere_fits_an_object_far_from_the_origin() -> None:
    cloud = shell(2000, 10)
    cloud.means[:] += 1e6
    sphere = bounding_sphere(cloud)
    assert np.abs(sphere.center - 1e6).max() < 0.5
    assert 10 < sphere.radius < 14


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e38, 1e5])
def test_sphere_ignores_floaters_and_non_finite_centers(value: float) -> None:
    cloud = shell(2000)
    cloud.means[::100, 1] = value
    sphere = bounding_sphere(cloud)
    assert_around_the_ball(sphere)
    assert np.isfinite(to_unit_sphere(cloud, sphere).means).all()


@pytest.mark.parametrize("size", [np.nan, np.inf, 1e30, 1000])
def test_sphere_ignores_oversized_gaussians_and_the_unit_cloud_drops_them(size: float) -> None:
    cloud = shell(2000)
    cloud.scales[::100, 2] = size
    sphere = bounding_sphere(cloud)
    assert_around_the_ball(sphere)
    assert len(to_unit_sphere(cloud, sphere)) == 1980


def test_sphere_of_coinciding_points_has_a_radius() -> None:
    cloud = replace(random_cloud(5), scales=np.zeros((5, 3), np.float32))
    cloud.means[:] = 1000
    sphere = bounding_sphere(cloud)
    assert 0 < sphere.radius < 1
    assert not to_unit_sphere(cloud, sphere).means.any()


def test_sphere_contains_two_gaussians_far_apart() -> None:
    cloud = replace(random_cloud(2), opacities=np.ones(2, np.float32))
    cloud.means[1] = (1000, 0, 0)
    assert bounding_sphere(cloud).radius == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize("opacity", [0, 0.05, np.nan])
def test_sphere_of_an_invisible_cloud_is_refused(opacity: float) -> None:
    cloud = replace(shell(10), opacities=np.full(10, opacity, np.float32))
    with pytest.raises(ValueError, match="no Gaussian that can be seen"):
        bounding_sphere(cloud)


def balls(*rows: Ball, opacity: float = 0.9) -> GaussianCloud:
    """Round Gaussians."""
    table = np.array(rows, np.float32)
    return GaussianCloud(
        means=np.ascontiguousarray(table[:, :3]),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (len(table), 1)),
        scales=np.repeat(table[:, 3:], 3, axis=1),
        opacities=np.full(len(table), opacity, np.float32),
        sh0=np.zeros((len(table), 3), np.float32),
        shN=np.zeros((len(table), 0, 3), np.float32),
    )


def spread(low: tuple[float, float, float], high: tuple[float, float, float]) -> Iterable[Ball]:
    random = np.random.default_rng(5)
    return [(*point, 0.01) for point in random.uniform(low, high, (2000, 3))]


def assert_same_box(box: Box, other: Box) -> None:
    np.testing.assert_allclose(box.lower, other.lower, atol=1e-5)
    np.testing.assert_allclose(box.upper, other.upper, atol=1e-5)


def test_box_reaches_one_standard_deviation_beyond_the_centers() -> None:
    box = bounding_box(balls((0, 1, 0, 0.01), (0, 0.6, 0.3, 0.01), (0.5, 0, 0, 0.02)))
    np.testing.assert_allclose(box.lower, (-0.01, -0.02, -0.02), atol=1e-6)
    np.testing.assert_allclose(box.upper, (0.52, 1.01, 0.31), atol=1e-6)


def test_box_is_the_largest_extent_of_all_gaussians() -> None:
    cloud = random_cloud(500, size=0.2)
    visible = cloud.select(cloud.opacities > 0.1)
    w, x, y, z = visible.quats.T.astype(np.float64)
    first_row = np.stack(
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=1
    )
    radii = np.linalg.norm(first_row * visible.scales, axis=1)
    box = bounding_box(cloud)
    assert box.lower[0] == pytest.approx((visible.means[:, 0] - radii).min(), rel=1e-5)
    assert box.upper[0] == pytest.approx((visible.means[:, 0] + radii).max(), rel=1e-5)


def test_box_ignores_floaters_behind_a_gap() -> None:
    body = spread((-1, -1, -1), (1, 1, 1))
    floaters = [(0, -9, 0, 0.05)] * 10 + [(7, 0, 0, 0.05), (0, 40, 0, 3)]
    assert_same_box(bounding_box(balls(*body, *floaters)), bounding_box(balls(*body)))


def test_box_reaches_along_a_thin_leg() -> None:
    seat = spread((-1, 0, -1), (1, 0.2, 1))
    leg = [(0.9, -0.02 * i, 0.9, 0.01) for i in range(51)]
    assert bounding_box(balls(*seat, *leg)).lower[1] == pytest.approx(-1.01, abs=1e-4)


def test_box_ignores_nearly_transparent_gaussians() -> None:
    body, haze = balls((0, 1, 0, 0.01), (0, -1, 0, 0.01)), balls((0, -1.1, 0, 0.5), opacity=0.02)
    assert_same_box(bounding_box(joined(body, haze)), bounding_box(body))


def test_box_of_an_invisible_cloud_holds_all_of_it() -> None:
    box = bounding_box(balls((1, 2, 3, 0.5), (1, 2, 4, 0.5), opacity=0.01))
    np.testing.assert_allclose(box.upper, (1.5, 2.5, 4.5))


def test_box_of_an_empty_cloud_is_empty() -> None:
    box = bounding_box(random_cloud(0))
    assert not box.lower.any() and not box.upper.any()


def test_box_of_a_large_cloud_copies_no_harmonics() -> None:
    cloud = random_cloud(100_000)
    harmonics = np.broadcast_to(np.float32(0), (100_000, 24, 3))  # 29 MB if copied
    tracemalloc.start()
    bounding_box(replace(cloud, shN=harmonics))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6
