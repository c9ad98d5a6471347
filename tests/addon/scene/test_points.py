from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.points import PointCloud
from blender_addon.scene.point_data import read_attributes
from blender_addon.scene.points import add_points, median_neighbor_distance, points_bounds


def one_point(color: tuple[int, int, int]) -> PointCloud:
    return PointCloud(
        np.array([[1, 2, 3]], np.float32),
        np.array([color], np.uint8),
        np.array([[0, 0, 1]], np.float32),
    )


def test_points_are_rotated_and_their_colours_linear(scene: bpy.types.Scene) -> None:
    obj = add_points(one_point((255, 188, 10)), "chair.points", scene.collection)
    found = read_attributes(obj.data)
    np.testing.assert_allclose(found["position"], [[1, -3, 2]])
    np.testing.assert_allclose(found["normal"], [[0, -1, 0]], atol=1e-7)
    np.testing.assert_allclose(found["Color"], [[1, 0.5029, 0.00304, 1]], atol=1e-4)
    assert obj.name == "chair.points"


def test_spacing_is_that_of_a_grid_for_small_and_large_clouds() -> None:
    for edge in (2, 8, 130):
        grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3), axis=-1).reshape(-1, 3)
        assert median_neighbor_distance(grid.astype(np.float32) * 0.25) == pytest.approx(0.25)


def test_a_single_point_has_a_size(scene: bpy.types.Scene) -> None:
    obj = add_points(one_point((1, 2, 3)), "one", scene.collection)
    assert read_attributes(obj.data)["radius"][0] > 0


def test_points_are_scaled_with_their_radii(scene: bpy.types.Scene) -> None:
    whole, half = (
        read_attributes(add_points(one_point((1, 2, 3)), "one", scene.collection, size).data)
        for size in (1, 0.5)
    )
    np.testing.assert_allclose(half["position"], [[0.5, -1.5, 1]])
    np.testing.assert_allclose(half["radius"], whole["radius"] / 2)
    np.testing.assert_allclose(half["normal"], [[0, -1, 0]], atol=1e-7)


def test_bounds_of_points_take_in_their_radii(scene: bpy.types.Scene) -> None:
    one = one_point((1, 2, 3))
    radius = read_attributes(add_points(one, "one", scene.collection).data)["radius"][0]
    box = points_bounds(one)
    np.testing.assert_allclose(box.lower, np.array([1, -3, 2]) - radius, atol=1e-6)
    np.testing.assert_allclose(box.upper, np.array([1, -3, 2]) + radius, atol=1e-6)
    nothing = PointCloud(*(np.empty((0, 3), kind) for kind in (np.float32, np.uint8, np.float32)))
    assert not points_bounds(nothing).upper.any()


def test_a_point_is_rendered_round_in_its_colour(
    scene: bpy.types.Scene, render_front_view: Callable[[tuple[float, float, float]], np.ndarray]
) -> None:
    obj = add_points(one_point((230, 120, 60)), "one", scene.collection)
    obj.data.attributes["radius"].data.foreach_set("value", np.array([1], np.float32))
    picture = render_front_view((1, -3, 2))
    middle = picture[32, 32]
    expected = ((np.array([230, 120, 60]) / 255 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(middle[:3] / middle[0], expected / expected[0], atol=0.08)
    covered = picture[:, :, 3].mean() * 16  # of the picture's 4 x 4 metres
    assert covered == pytest.approx(np.pi, rel=0.05)
