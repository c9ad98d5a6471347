"""Colours of points, from the Gaussians around them and from the pictures that show them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.extraction.texture.color_field import ColorField
from splatsmith.extraction.texture.gaussian_colors import (
    BASE,
    DETAIL,
    GaussianColors,
    vertex_colors,
)
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


def outwards(surface: Surface) -> np.ndarray:
    return surface.vertices / np.float32(RADIUS)


def joined(*clouds: GaussianCloud) -> GaussianCloud:
    names = ("means", "quats", "scales", "opacities", "sh0", "shN")
    return GaussianCloud(*(np.concatenate([getattr(c, name) for c in clouds]) for name in names))


def grey(cloud: GaussianCloud) -> GaussianCloud:
    return replace(cloud, sh0=np.zeros_like(cloud.sh0))


def test_colours_are_those_at_the_place(cloud: GaussianCloud, surface: Surface) -> None:
    colors, alphas = ColorField.of(cloud, surface).at(surface.vertices, outwards(surface))
    gaps = np.abs(colors - (0.5 + 0.4 * outwards(surface)))
    assert gaps.mean() < 0.01
    assert gaps.max() < 0.04
    assert alphas.min() > 0.7
    assert np.median(alphas) > 0.99


def test_the_order_of_points_changes_nothing_much(cloud: GaussianCloud, surface: Surface) -> None:
    field = ColorField.of(cloud, surface)
    colors, _ = field.at(surface.vertices, outwards(surface))
    order = np.random.default_rng(0).permutation(len(colors))
    shuffled, _ = field.at(surface.vertices[order], outwards(surface)[order])
    assert np.abs(shuffled - colors[order]).max() < 0.03


def test_floaters_and_the_inside_do_not_count(cloud: GaussianCloud, surface: Surface) -> None:
    around, core = grey(shell(5000, 1.2 * RADIUS)), grey(shell(5000, 0.7 * RADIUS))
    alone, _ = ColorField.of(cloud, surface).at(surface.vertices, outwards(surface))
    field = ColorField.of(joined(around, cloud, core), surface)
    between, _ = field.at(surface.vertices, outwards(surface))
    assert np.abs(between - alone).max() < 0.05


def test_the_nearer_of_two_layers_covers_the_other(surface: Surface, cloud: GaussianCloud) -> None:
    skin = replace(grey(shell(20_000, 1.005 * RADIUS)), opacities=np.ones(20_000, np.float32))
    colors, _ = ColorField.of(joined(cloud, skin), surface).at(surface.vertices, outwards(surface))
    assert np.abs(colors - 0.5).mean() < 0.02


def test_giants_are_seen_beside_the_small(cloud: GaussianCloud, surface: Surface) -> None:
    fog = replace(
        grey(shell(3, 0.1)),
        scales=np.full((3, 3), 5.0, np.float32),
        opacities=np.full(3, 0.5, np.float32),
    )
    alone, _ = ColorField.of(cloud, surface).at(surface.vertices, outwards(surface))
    both, _ = ColorField.of(joined(cloud, fog), surface).at(surface.vertices, outwards(surface))
    assert np.abs(both - alone).max() < 0.05


def test_empty_space_has_no_alpha(cloud: GaussianCloud, surface: Surface) -> None:
    far = np.array([[0, 0, 0], [0.99, 0, 0]], np.float32)
    _, alphas = ColorField.of(cloud, surface).at(
        far, np.tile(np.array([1, 0, 0], np.float32), (2, 1))
    )
    np.testing.assert_array_equal(alphas, 0)


def test_a_cloud_of_none_answers_too(surface: Surface) -> None:
    nobody = shell(4).select(np.zeros(4, np.bool_))
    _, alphas = ColorField.of(nobody, surface).at(surface.vertices, outwards(surface))
    np.testing.assert_array_equal(alphas, 0)


def test_colours_that_turn_with_the_view_are_taken_from_outside(surface: Surface) -> None:
    # The linear harmonics colour each Gaussian by the way it is looked at: along -normal.
    plain = grey(shell(20_000, RADIUS))
    linear = np.zeros((20_000, 3, 3), np.float32)
    for channel, (index, sign) in enumerate(((2, -1), (0, -1), (1, 1))):
        linear[:, index, channel] = sign * 0.4 / 0.4886025119029199
    field = ColorField.of(replace(plain, shN=linear), surface)
    colors, _ = field.at(surface.vertices, outwards(surface))
    np.testing.assert_allclose(colors, 0.5 - 0.4 * outwards(surface), atol=0.05)


def test_views_tell_where_the_gaussians_do_not(cloud: GaussianCloud) -> None:
    subject = NormalizedCloud.of(cloud)
    views = render_views(subject, fibonacci_cameras(12, 128), "cpu", silent())
    normals = sphere(3).vertices
    scale = 0.985 * RADIUS / subject.sphere.radius
    missed = Surface((scale * normals).astype(np.float32), sphere(3).faces)
    coloring = GaussianColors(ColorField.of(subject.cloud, missed), views)
    narrow = replace(coloring, field=replace(coloring.field, window=(0.003, 0.003)))
    answers = narrow.at(missed.vertices, normals, np.ones(len(normals), np.bool_))
    assert (answers.known & DETAIL == 0).all()
    assert (answers.known & BASE > 0).mean() > 0.9
    gaps = np.abs(answers.best / 255 - (0.5 + 0.4 * normals))[answers.known > 0]
    assert gaps.mean() < 0.03


def test_vertices_take_the_nearest_colour_where_nothing_is_known(cloud: GaussianCloud) -> None:
    subject = NormalizedCloud.of(cloud)
    views = render_views(subject, fibonacci_cameras(12, 128), "cpu", silent())
    scale = RADIUS / subject.sphere.radius
    ball = Surface((scale * sphere(3).vertices).astype(np.float32), sphere(3).faces)
    coloring = GaussianColors(ColorField.of(subject.cloud, ball), views)
    points = np.concatenate([ball.vertices, np.zeros((1, 3), np.float32)])
    normals = np.concatenate([sphere(3).vertices, np.array([[0, 0, 1]], np.float32)])
    colors = vertex_colors(points, normals, coloring)
    assert colors.dtype == np.uint8
    gaps = np.abs(colors[:-1] / 255 - (0.5 + 0.4 * sphere(3).vertices))
    assert gaps.mean() < 0.02
    assert colors[-1].tolist() in colors[:-1].tolist()
