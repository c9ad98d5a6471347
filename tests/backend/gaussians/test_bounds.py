"""The sphere around a cloud's object, whatever else is in the cloud."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.gaussians.bounds import Sphere, bounding_sphere, to_unit_sphere

from .clouds import random_cloud, shell


def assert_around_the_ball(sphere: Sphere, radius: float = 1.0) -> None:
    assert np.abs(sphere.center).max() < 0.05 * radius
    assert radius < sphere.radius < 1.4 * radius


@pytest.mark.parametrize("size", [1e-18, 1e-6, 1, 1e6, 1e18])
def test_objects_of_any_size(size: float) -> None:
    cloud = shell(2000, size)
    sphere = bounding_sphere(cloud)
    assert_around_the_ball(sphere, size)
    unit = to_unit_sphere(cloud, sphere)
    assert 0.6 < np.linalg.norm(unit.means, axis=1).mean() < 1


def test_an_object_far_from_the_origin() -> None:
    cloud = shell(2000, 10)
    cloud.means[:] += 1e6
    sphere = bounding_sphere(cloud)
    assert np.abs(sphere.center - 1e6).max() < 0.5
    assert 10 < sphere.radius < 14


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e38, 1e5])
def test_strays_and_bad_values_do_not_count(value: float) -> None:
    cloud = shell(2000)
    cloud.means[::100, 1] = value
    sphere = bounding_sphere(cloud)
    assert_around_the_ball(sphere)
    assert np.isfinite(to_unit_sphere(cloud, sphere).means).all()


@pytest.mark.parametrize("size", [np.nan, np.inf, 1e30, 1000])
def test_giants_do_not_count_and_are_left_out(size: float) -> None:
    cloud = shell(2000)
    cloud.scales[::100, 2] = size
    sphere = bounding_sphere(cloud)
    assert_around_the_ball(sphere)
    assert len(to_unit_sphere(cloud, sphere)) == 1980


def test_points_of_no_extent_have_a_sphere() -> None:
    cloud = replace(random_cloud(5), scales=np.zeros((5, 3), np.float32))
    cloud.means[:] = 1000
    sphere = bounding_sphere(cloud)
    assert 0 < sphere.radius < 1
    assert not to_unit_sphere(cloud, sphere).means.any()


def test_two_far_apart_both_count() -> None:
    cloud = replace(random_cloud(2), opacities=np.ones(2, np.float32))
    cloud.means[1] = (1000, 0, 0)
    assert bounding_sphere(cloud).radius == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize("opacity", [0, 0.05, np.nan])
def test_what_cannot_be_seen_has_no_sphere(opacity: float) -> None:
    cloud = replace(shell(10), opacities=np.full(10, opacity, np.float32))
    with pytest.raises(ValueError, match="no Gaussian that can be seen"):
        bounding_sphere(cloud)
