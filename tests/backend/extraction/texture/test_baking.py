"""Textures baked from clouds whose colour is a function of position."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.errors import Cancelled
from splatsmith.extraction.atlas.unwrap import Atlas, unwrap
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.extraction.texture.baking import bake_texture
from splatsmith.extraction.texture.color_field import ColorField
from splatsmith.extraction.texture.gaussian_colors import GaussianColors
from splatsmith.extraction.texture.texels import (
    covered_texels,
    rasterize_faces,
)
from splatsmith.extraction.views.rendered_views import (
    NormalizedCloud,
    fibonacci_cameras,
    render_views,
)
from splatsmith.progress import Progress, silent
from tests.backend.extraction.sample_surfaces import sphere
from tests.backend.extraction.texture.reference_texels import reference_positions
from tests.backend.gaussians.clouds import shell

SIZE = 512


@dataclass(frozen=True)
class Ball:
    surface: Surface
    atlas: Atlas
    colors: GaussianColors


def make_ball(cloud: GaussianCloud) -> Ball:
    subject = NormalizedCloud.from_cloud(cloud)
    views = render_views(subject, fibonacci_cameras(16, 160), "cpu", silent())
    center, radius = subject.sphere.center, np.float32(subject.sphere.radius)
    surface = Surface((sphere().vertices - center) / radius, sphere().faces)
    colors = GaussianColors(ColorField.from_cloud(subject.cloud, surface), views)
    return Ball(surface, unwrap(surface, silent()), colors)


@pytest.fixture(scope="module")
def ball() -> Ball:
    return make_ball(shell(20_000))


def expected(atlas: Atlas) -> tuple[np.ndarray, np.ndarray]:
    """The texels that show the surface, and the colours [T, 3] that they should have."""
    face_ids = rasterize_faces(atlas.uvs, atlas.surface.faces, SIZE)
    texels = covered_texels(face_ids, 0, SIZE)
    points, _ = reference_positions(texels, face_ids, atlas)
    return texels, 0.5 + 0.4 * points / np.linalg.norm(points, axis=1, keepdims=True)


def test_texels_have_the_colour_of_their_position(ball: Ball) -> None:
    image = bake_texture(ball.atlas, ball.colors, SIZE, silent())
    assert image.shape == (SIZE, SIZE, 3)
    texels, colors = expected(ball.atlas)
    errors = np.abs(image.reshape(-1, 3)[texels] / 255 - colors)
    assert errors.mean() < 0.01
    assert np.percentile(errors, 99.9) < 0.06


def test_gaps_between_charts_are_filled(ball: Ball) -> None:
    image = bake_texture(ball.atlas, ball.colors, SIZE, silent())
    assert image.max(axis=2).min() > 255 * 0.2  # the darkest corner has 0.27 of some colour


def test_holes_of_the_cloud_are_filled_with_nearby_colours() -> None:
    cloud = shell(20_000)
    ball = make_ball(cloud.select(cloud.means[:, 0] < 0.7))
    image = bake_texture(ball.atlas, ball.colors, SIZE, silent())
    assert image.max(axis=2).min() > 255 * 0.2  # the darkest corner has 0.27 of some colour


def test_an_invisible_cloud_gives_a_texture_too(ball: Ball) -> None:
    transparent = replace(ball.colors.field, opacities=0 * ball.colors.field.opacities)
    invisible = replace(ball.colors.views.rendering, alphas=0 * ball.colors.views.rendering.alphas)
    views = replace(ball.colors.views, rendering=invisible)
    image = bake_texture(ball.atlas, GaussianColors(transparent, views), SIZE, silent())
    assert image.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("after", [0, 1])
def test_cancellation_stops_between_bands(ball: Ball, after: int) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: len(steps) > after)
    with pytest.raises(Cancelled):
        bake_texture(ball.atlas, ball.colors, SIZE, progress)
    assert len(steps) == after + 1
