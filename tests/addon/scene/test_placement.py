from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.importing.placement import cloud_bounds, fit_to_place
from blender_addon.scene.point_data import read_attributes
from blender_addon.scene.splats import add_splats

Balls = Callable[..., GaussianCloud]

HEAD, NOSE, LEFT_HAND = (0, 1, 0, 0.01), (0, 0.6, 0.3, 0.01), (0.5, 0, 0, 0.01)
FOOT = (0, -1, 0, 0.01)


def world_positions(obj: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    local = np.empty(len(obj.data.attributes["position"].data) * 3, np.float32)
    obj.data.attributes["position"].data.foreach_get("vector", local)
    matrix = np.array(obj.matrix_world)
    return local.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def add_fitted(
    cloud: GaussianCloud, location: tuple[float, float, float], size: float | None = None
) -> bpy.types.Object:
    fit = fit_to_place(cloud_bounds(cloud), location, size)
    obj = add_splats(cloud, "figure", bpy.context.scene.collection, fit.scale)
    obj.location = fit.location
    return obj


def test_stands_upright_on_the_cursor_and_faces_the_front_view(
    scene: bpy.types.Scene, balls: Balls
) -> None:
    figure = balls(HEAD, NOSE, LEFT_HAND, FOOT)
    head, nose, hand, foot = world_positions(add_fitted(figure, (3, 4, 5)))
    assert head[2] > nose[2] > hand[2] > foot[2] == pytest.approx(5.01, abs=1e-3)
    assert nose[1] < head[1]  # towards the viewer of Blender's front view
    assert hand[0] > head[0]
    box = cloud_bounds(figure)
    np.testing.assert_allclose(box.upper - box.lower, (0.52, 0.32, 2.02), atol=1e-5)


def test_size_is_the_longest_edge_in_metres_and_is_in_the_splats(
    scene: bpy.types.Scene, balls: Balls
) -> None:
    obj = add_fitted(balls(HEAD, NOSE, LEFT_HAND, FOOT), (0, 0, 0), size=0.5)
    assert tuple(obj.scale) == (1, 1, 1)
    positions = world_positions(obj)
    assert np.ptp(positions[:, 2]) == pytest.approx(0.5 * 2 / 2.02, abs=1e-5)
    assert positions[:, 2].min() == pytest.approx(0.5 * 0.01 / 2.02, abs=1e-5)
    scales = read_attributes(obj.data)["scale"]
    np.testing.assert_allclose(scales, 0.01 * 0.5 / 2.02, rtol=1e-5)


def test_floaters_do_not_count(balls: Balls) -> None:
    random = np.random.default_rng(5)
    body = [(*p, 0.01) for p in random.uniform(-1, 1, (2000, 3))]
    strays = [(0, -9, 0, 0.05)] * 10 + [(7, 0, 0, 0.05), (0, 40, 0, 3)]
    alone, with_strays = cloud_bounds(balls(*body)), cloud_bounds(balls(*body, *strays))
    np.testing.assert_allclose(with_strays.lower, alone.lower, atol=1e-5)
    np.testing.assert_allclose(with_strays.upper, alone.upper, atol=1e-5)


def test_thin_legs_count(balls: Balls) -> None:
    random = np.random.default_rng(5)
    seat = [(*p, 0.01) for p in random.uniform((-1, 0, -1), (1, 0.2, 1), (2000, 3))]
    leg = [(0.9, -0.02 * i, 0.9, 0.01) for i in range(51)]
    assert cloud_bounds(balls(*seat, *leg)).lower[2] == pytest.approx(-1.01, abs=1e-4)


def test_transparent_splats_do_not_count(balls: Balls) -> None:
    body, haze = balls(HEAD, FOOT), balls((0, -1.1, 0, 0.5), opacity=0.02)
    names = ("means", "quats", "scales", "opacities", "sh0", "shN")
    parts = (np.concatenate([getattr(body, name), getattr(haze, name)]) for name in names)
    both = cloud_bounds(GaussianCloud(*parts))
    np.testing.assert_array_equal(both.lower, cloud_bounds(body).lower)


def test_anisotropic_splats_are_measured_along_their_axes(balls: Balls) -> None:
    half = 0.5**0.5
    disc = GaussianCloud(
        means=np.zeros((1, 3), np.float32),
        quats=np.array([[half, 0, 0, half]], np.float32),  # x to y
        scales=np.array([[3, 1, 0.5]], np.float32),
        opacities=np.ones(1, np.float32),
        sh0=np.zeros((1, 3), np.float32),
        shN=np.empty((1, 0, 3), np.float32),
    )
    np.testing.assert_allclose(cloud_bounds(disc).upper, (1, 0.5, 3), atol=1e-5)


@pytest.mark.parametrize("rows", [(), ((1, 2, 3, 0.0),)])
def test_empty_and_tiny_clouds_are_placed(
    scene: bpy.types.Scene, balls: Balls, rows: tuple[tuple[float, ...], ...]
) -> None:
    cloud = balls(*rows) if rows else balls((0, 0, 0, 1)).select(np.zeros(1, bool))
    obj = add_fitted(cloud, (0, 0, 1), size=2)
    assert all(np.isfinite(obj.location))
    assert all(np.isfinite(values).all() for values in read_attributes(obj.data).values())
