from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from blender_addon.contract.cloud import SH_C0
from blender_addon.contract.harmonics import basis
from blender_addon.viewport.depth_order import back_to_front, view_dependent_colors
from blender_addon.viewport.packing import Instance, SplatArrays, View

pytestmark = pytest.mark.once

Splats = Callable[..., SplatArrays]


def test_every_splat_is_drawn_behind_the_nearer_ones(splats: Splats, view: View) -> None:
    part, matrix = splats(500), np.diag([1.0, 2.0, 0.5, 1.0])
    order = back_to_front([part], [Instance(0, matrix)], view)
    assert sorted(order[:, 0]) == list(range(500))
    depths = _depths(part, matrix, view)[order[:, 0].astype(int)]
    step = np.log(depths.max() / depths.min()) / 65_000
    assert np.all(np.diff(np.log(depths)) < step)


def test_instances_of_the_same_splats_are_sorted_together(splats: Splats, view: View) -> None:
    parts = [splats(3), splats(40)]
    moved = np.eye(4)
    moved[0, 3] = 0.3
    instances = [Instance(1, np.eye(4)), Instance(1, moved)]
    order = back_to_front(parts, instances, view).astype(int)
    assert sorted(map(tuple, order)) == [(3 + i, n) for i in range(40) for n in range(2)]
    depths = np.array([_depths(parts[1], each.matrix, view) for each in instances])
    drawn = depths[order[:, 1], order[:, 0] - 3]
    assert np.all(np.diff(drawn) < 1e-3)
    assert len(set(order[:10, 1])) == 2


def test_splats_behind_the_camera_are_left_out(splats: Splats, view: View) -> None:
    part, matrix = splats(200), np.eye(4)
    matrix[:3, 3] = np.linalg.inv(view.view)[:3, 3]
    order = back_to_front([part], [Instance(0, matrix)], view)
    in_front = np.flatnonzero(_depths(part, matrix, view) > 0)
    assert sorted(order[:, 0]) == in_front.tolist()
    assert 0 < len(in_front) < 200


def test_no_splat_in_front_of_the_camera_gives_an_empty_order(splats: Splats, view: View) -> None:
    behind = np.eye(4)
    behind[:3, 3] = 3 * np.linalg.inv(view.view)[:3, 3]
    assert back_to_front([splats(20)], [Instance(0, behind)], view).shape == (0, 2)
    assert back_to_front([splats(20)], [], view).shape == (0, 2)


def test_orthographic_views_show_splats_behind_their_camera(splats: Splats, view: View) -> None:
    projection = np.diag([1.0, 1.0, -0.01, 1.0])
    flat = View(view.view, projection, 64, 64)
    behind = np.eye(4)
    behind[:3, 3] = 3 * np.linalg.inv(view.view)[:3, 3]
    part = splats(50)
    order = back_to_front([part], [Instance(0, behind)], flat)
    assert np.all(np.diff(_depths(part, behind, flat)[order[:, 0].astype(int)]) < 1e-3)
    assert len(order) == 50


@pytest.mark.parametrize("degree", [1, 3])
def test_colors_follow_harmonics_in_the_objects_space(
    degree: int, splats: Splats, view: View
) -> None:
    parts = [splats(7), splats(60, degree)]
    turned = np.array([[0, -2, 0, 0.1], [1, 0, 0, 0.2], [0, 0, 0.5, 0], [0, 0, 0, 1.0]])
    instances = [Instance(0, np.eye(4)), Instance(1, turned), Instance(1, np.eye(4))]
    colors, shifts = view_dependent_colors(parts, instances, view)
    assert shifts[0] == 0
    assert shifts[1] != shifts[2]
    for number in (1, 2):
        eye = (np.linalg.inv(instances[number].matrix) @ np.linalg.inv(view.view))[:3, 3]
        directions = parts[1].positions.T - eye
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        values = basis(directions.astype(np.float32), degree)
        coefficients = np.stack([parts[1].base[:, :3], *parts[1].harmonics])
        expected = 0.5 + np.einsum("nk,knc->nc", values, coefficients)
        rows = 7 + np.arange(60) + shifts[number]
        np.testing.assert_allclose(colors[rows, :3], expected, atol=2e-5)
    plain = 0.5 + SH_C0 * parts[0].base[:, :3]
    np.testing.assert_allclose(colors[:7, :3], plain, atol=1e-6)


def _depths(part: SplatArrays, matrix: np.ndarray, view: View) -> np.ndarray:
    points = np.concatenate([part.positions.T, np.ones((len(part), 1))], axis=1)
    return -(points @ (view.view @ matrix).T)[:, 2]
