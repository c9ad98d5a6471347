"""Evaluations that stay on the field's device, against the plain path by way of the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
import pytest
import torch

from splatsmith.contract.bounds import Sphere
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.extraction.array_types import Mask
from splatsmith.extraction.atlas.unwrap import unwrap
from splatsmith.extraction.sources import ExactColors
from splatsmith.extraction.surface.sparse_volume import VoxelGrid
from splatsmith.extraction.texture.baking import bake_texture
from splatsmith.extraction.texture.color_samples import ColorSamples
from splatsmith.gaussians.numba_jit import Floats
from splatsmith.progress import silent
from splatsmith.representations.density_field import DensityField, FieldColors
from splatsmith.representations.field_function import FieldFunction
from splatsmith.representations.level_set import project_to_level, refine_on_edges
from tests.backend.devices import DEVICES
from tests.backend.extraction.sample_surfaces import sphere

from .subjects import HALF, LEVEL, ball_function, metaball_function, metaballs

GRID = VoxelGrid(np.full(3, -0.5, np.float32), 0.02, (8, 8, 8))


@dataclass(frozen=True)
class LayeredColors:
    """The colours as the baking of layers takes them."""

    colors: FieldColors

    detail_size = 0.0
    base_pixel_size = 0.0

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        return self.colors.at(points, normals, base_wanted)


@pytest.mark.parametrize("device", DEVICES)
def test_exact_colors_are_baked_as_layers_of_them_would_be(device: str) -> None:
    atlas = unwrap(sphere(), silent())
    function = replace(metaball_function(), device=device)
    colors = FieldColors(function, Sphere(np.zeros(3, np.float32), 0.3))
    layered = LayeredColors(colors)
    assert isinstance(colors, ExactColors)
    assert not isinstance(layered, ExactColors)
    image = bake_texture(atlas, colors, 512, silent())
    assert image.std() > 10
    np.testing.assert_array_equal(image, bake_texture(atlas, layered, 512, silent()))


def edge_points() -> tuple[Floats, Floats]:
    """Points on grid edges along x through the ball's surface, and where it crosses them."""
    rows = np.arange(-6, 7) * np.float32(0.02)
    y, z = (each.reshape(-1) for each in np.meshgrid(rows, rows))
    crossings = np.sqrt(0.3**2 - y**2 - z**2).astype(np.float32)
    cells = np.floor((crossings + 0.5) / 0.02) + 0.5
    points = np.stack([cells * 0.02 - 0.5, y, z], axis=1).astype(np.float32)
    return points, crossings


@pytest.mark.parametrize("device", DEVICES)
def test_vertices_move_to_the_roots_on_their_edges(device: str) -> None:
    points, crossings = edge_points()
    refined = refine_on_edges(points, replace(ball_function(), device=device), GRID)
    shares = (crossings + 0.5) / 0.02 % 1
    clear = (shares > 0.11) & (shares < 0.89)
    assert 50 < clear.sum() < len(points)
    np.testing.assert_allclose(refined[clear, 0], crossings[clear], atol=1e-5)
    np.testing.assert_allclose(refined[clear, 1:], points[clear, 1:], atol=1e-7)
    # Those near a grid point move along the gradient instead.
    np.testing.assert_allclose(np.linalg.norm(refined, axis=1), 0.3, atol=1e-4)


def test_vertices_on_edges_that_do_not_cross_the_level_stay() -> None:
    points = edge_points()[0] * np.array([-0.1, 1, 1], np.float32)
    refined = refine_on_edges(points, ball_function(), GRID)
    np.testing.assert_array_equal(refined, points)


def test_no_points_are_no_evaluation() -> None:
    nothing = np.zeros((0, 3), np.float32)
    function = FieldFunction(_refuse, ball_function().bounds, LEVEL, "cpu")
    assert project_to_level(nothing, function, 0.02).shape == (0, 3)
    assert function.colors(nothing).shape == (0, 3)


def _refuse(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    raise AssertionError(len(points))


def test_points_that_newton_leads_astray_stay() -> None:
    far = np.full((1, 3), HALF - 0.01, np.float32)  # the ball's density has no gradient there
    np.testing.assert_array_equal(project_to_level(far, ball_function(), 0.02), far)


@contextmanager
def counted_transfers(function: FieldFunction) -> Iterator[list[int]]:
    """Lengths of the arrays that are taken to the field's device."""
    lengths: list[int] = []
    plain = FieldFunction.on_device

    def on_device(self: FieldFunction, array: Floats) -> torch.Tensor:
        if self is function:
            lengths.append(len(array))
        return plain(self, array)

    with patch.object(FieldFunction, "on_device", on_device):
        yield lengths


def test_a_mesh_takes_its_vertices_to_the_device_once() -> None:
    function = FieldFunction(metaballs, metaball_function().bounds, LEVEL, "cpu")
    field = DensityField(function, 48)
    with counted_transfers(function) as lengths:
        colored = field.colored_surface(ExtractionOptions(face_budget=1_000_000), silent(), "cpu")
    assert lengths == [len(colored.surface.vertices)]


@pytest.mark.parametrize("count", [1, (1 << 14) + 1])
def test_chunks_give_what_all_points_at_once_give(count: int) -> None:
    points = torch.from_numpy(np.random.default_rng(0).uniform(-0.4, 0.4, (count, 3))).float()
    density, color = metaballs(points)
    function = metaball_function()
    torch.testing.assert_close(function.densities_at(points), density, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(function.colors_at(points), color, atol=1e-5, rtol=0)
