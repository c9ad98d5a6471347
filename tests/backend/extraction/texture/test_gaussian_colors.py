"""Surface colours from Gaussians along the normals and from rendered views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.extraction.texture.color_field import ColorField
from splatsmith.extraction.texture.color_samples import BASE, DETAIL
from splatsmith.extraction.texture.gaussian_colors import GaussianColors
from splatsmith.extraction.texture.ray_colors import RayWindow
from splatsmith.extraction.texture.vertex_colors import vertex_colors
from splatsmith.extraction.views.rendered_views import (
    NormalizedCloud,
    fibonacci_cameras,
    render_views,
)
from splatsmith.progress import silent
from tests.backend.extraction.sample_surfaces import sphere
from tests.backend.gaussians.clouds import shell

RADIUS = 0.8


@pytest.fixture(scope="module")
def surface() -> Surface:
    ball = sphere()
    return Surface(ball.vertices * np.float32(RADIUS), ball.faces)


@pytest.fixture(scope="module")
def cloud() -> GaussianCloud:
    return shell(20_000, RADIUS)


def outward_normals(surface: Surface) -> np.ndarray:
    return surface.vertices / np.float32(RADIUS)


def joined(*clouds: GaussianCloud) -> GaussianCloud:
    names = ("means", "quats", "scales", "opacities", "sh0", "shN")
    return GaussianCloud(*(np.concatenate([getattr(c, name) for c in clouds]) for name in names))


def grey(cloud: GaussianCloud) -> GaussianCloud:
    return replace(cloud, sh0=np.zeros_like(cloud.sh0))


def test_colours_are_those_at_the_position(cloud: GaussianCloud, surface: Surface) -> None:
    colors, alphas = ColorField.from_cloud(cloud, surface).at(
        surface.vertices, outward_normals(surface)
    )
    errors = np.abs(colors - (0.5 + 0.4 * outward_normals(surface)))
    assert errors.mean() < 0.01
    assert errors.max() < 0.04
    assert alphas.min() > 0.7
    assert np.median(alphas) > 0.99


def test_the_order_of_points_hardly_matters(cloud: GaussianCloud, surface: Surface) -> None:
    field = ColorField.from_cloud(cloud, surface)
    colors, _ = field.at(surface.vertices, outward_normals(surface))
    order = np.random.default_rng(0).permutation(len(colors))
    shuffled, _ = field.at(surface.vertices[order], outward_normals(surface)[order])
    assert np.abs(shuffled - colors[order]).max() < 0.03


def test_floaters_and_interior_gaussians_are_ignored(
    cloud: GaussianCloud, surface: Surface
) -> None:
    around, core = grey(shell(5000, 1.2 * RADIUS)), grey(shell(5000, 0.7 * RADIUS))
    alone, _ = ColorField.from_cloud(cloud, surface).at(surface.vertices, outward_normals(surface))
    field = ColorField.from_cloud(joined(around, cloud, core), surface)
    between, _ = field.at(surface.vertices, outward_normals(surface))
    assert np.abs(between - alone).max() < 0.05


def test_the_nearer_layer_occludes_the_other(surface: Surface, cloud: GaussianCloud) -> None:
    layer = replace(grey(shell(20_000, 1.005 * RADIUS)), opacities=np.ones(20_000, np.float32))
    colors, _ = ColorField.from_cloud(joined(cloud, layer), surface).at(
        surface.vertices, outward_normals(surface)
    )
    assert np.abs(colors - 0.5).mean() < 0.02


def test_huge_gaussians_do_not_disturb_small_ones(cloud: GaussianCloud, surface: Surface) -> None:
    haze = replace(
        grey(shell(3, 0.1)),
        scales=np.full((3, 3), 5.0, np.float32),
        opacities=np.full(3, 0.5, np.float32),
    )
    alone, _ = ColorField.from_cloud(cloud, surface).at(surface.vertices, outward_normals(surface))
    both, _ = ColorField.from_cloud(joined(cloud, haze), surface).at(
        surface.vertices, outward_normals(surface)
    )
    assert np.abs(both - alone).max() < 0.05


def test_empty_space_has_no_alpha(cloud: GaussianCloud, surface: Surface) -> None:
    far = np.array([[0, 0, 0], [0.99, 0, 0]], np.float32)
    _, alphas = ColorField.from_cloud(cloud, surface).at(
        far, np.tile(np.array([1, 0, 0], np.float32), (2, 1))
    )
    np.testing.assert_array_equal(alphas, 0)


def test_an_empty_cloud_has_no_alpha(surface: Surface) -> None:
    empty = shell(4).select(np.zeros(4, np.bool_))
    _, alphas = ColorField.from_cloud(empty, surface).at(surface.vertices, outward_normals(surface))
    np.testing.assert_array_equal(alphas, 0)


def test_view_dependent_colours_are_evaluated_from_outside(surface: Surface) -> None:
    # Linear harmonics of the viewing direction, which is -normal.
    plain = grey(shell(20_000, RADIUS))
    linear = np.zeros((20_000, 3, 3), np.float32)
    for channel, (index, sign) in enumerate(((2, -1), (0, -1), (1, 1))):
        linear[:, index, channel] = sign * 0.4 / 0.4886025119029199
    field = ColorField.from_cloud(replace(plain, shN=linear), surface)
    colors, _ = field.at(surface.vertices, outward_normals(surface))
    np.testing.assert_allclose(colors, 0.5 - 0.4 * outward_normals(surface), atol=0.05)


def test_views_give_colours_where_the_surface_misses_the_gaussians(cloud: GaussianCloud) -> None:
    subject = NormalizedCloud.from_cloud(cloud)
    views = render_views(subject, fibonacci_cameras(12, 128), "cpu", silent())
    normals = sphere(3).vertices
    scale = 0.985 * RADIUS / subject.sphere.radius
    shrunk = Surface((scale * normals).astype(np.float32), sphere(3).faces)
    gaussian_colors = GaussianColors(ColorField.from_cloud(subject.cloud, shrunk), views)
    narrow = replace(
        gaussian_colors, field=replace(gaussian_colors.field, window=RayWindow(0.003, 0.003))
    )
    samples = narrow.at(shrunk.vertices, normals, np.ones(len(normals), np.bool_))
    assert (samples.known & DETAIL == 0).all()
    assert (samples.known & BASE > 0).mean() > 0.9
    errors = np.abs(samples.best / 255 - (0.5 + 0.4 * normals))[samples.known > 0]
    assert errors.mean() < 0.03


def test_unknown_vertices_take_the_nearest_known_colour(cloud: GaussianCloud) -> None:
    subject = NormalizedCloud.from_cloud(cloud)
    views = render_views(subject, fibonacci_cameras(12, 128), "cpu", silent())
    scale = RADIUS / subject.sphere.radius
    ball = Surface((scale * sphere(3).vertices).astype(np.float32), sphere(3).faces)
    gaussian_colors = GaussianColors(ColorField.from_cloud(subject.cloud, ball), views)
    points = np.concatenate([ball.vertices, np.zeros((1, 3), np.float32)])
    normals = np.concatenate([sphere(3).vertices, np.array([[0, 0, 1]], np.float32)])
    colors = vertex_colors(points, normals, gaussian_colors)
    assert colors.dtype == np.uint8
    errors = np.abs(colors[:-1] / 255 - (0.5 + 0.4 * sphere(3).vertices))
    assert errors.mean() < 0.02
    assert colors[-1].tolist() in colors[:-1].tolist()
