"""Textures painted from clouds whose colours tell where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.errors import Cancelled
from splatsmith.extraction.atlas.unwrap import Atlas, unwrap
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.extraction.texture.baking import bake_texture
from splatsmith.extraction.texture.color_field import ColorField
from splatsmith.extraction.texture.detail_transfer import sample_step, transfer_detail
from splatsmith.extraction.texture.gaussian_colors import GaussianColors
from splatsmith.extraction.texture.texels import (
    nearest_covered,
    painted,
    rasterize_faces,
    texel_positions,
)
from splatsmith.extraction.views.rendered_views import (
    NormalizedCloud,
    fibonacci_cameras,
    render_views,
)
from splatsmith.progress import Progress, silent
from tests.backend.extraction.sample_surfaces import sphere
from tests.backend.gaussians.clouds import shell

SIZE = 512


@dataclass(frozen=True)
class Ball:
    surface: Surface
    atlas: Atlas
    coloring: GaussianColors


def ball_of(cloud: GaussianCloud) -> Ball:
    subject = NormalizedCloud.of(cloud)
    views = render_views(subject, fibonacci_cameras(16, 160), "cpu", silent())
    center, radius = subject.sphere.center, np.float32(subject.sphere.radius)
    surface = Surface((sphere().vertices - center) / radius, sphere().faces)
    coloring = GaussianColors(ColorField.of(subject.cloud, surface), views)
    return Ball(surface, unwrap(surface, silent()), coloring)


@pytest.fixture(scope="module")
def ball() -> Ball:
    return ball_of(shell(20_000))


def plain_places(
    texels: np.ndarray, owner: np.ndarray, atlas: Atlas
) -> tuple[np.ndarray, np.ndarray]:
    """Where texels lie, [T, 3], by the areas of the triangles between them and the corners."""
    spots = np.stack([texels % len(owner), texels // len(owner)], axis=1) / len(owner)
    corners = atlas.surface.faces[owner.reshape(-1)[texels]]
    to = atlas.uvs[corners].astype(np.float64) - (spots + 0.5 / len(owner))[:, None]
    after, last = np.roll(to, -1, axis=1), np.roll(to, -2, axis=1)
    areas = after[..., 0] * last[..., 1] - after[..., 1] * last[..., 0]
    areas *= np.sign(areas.sum(axis=1, keepdims=True))
    weights = np.maximum(areas, 0) / np.maximum(areas, 0).sum(axis=1, keepdims=True)
    points, normals = (
        np.einsum("tk,tki->ti", weights, values[corners])
        for values in (atlas.surface.vertices, atlas.normals)
    )
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def expected(atlas: Atlas) -> tuple[np.ndarray, np.ndarray]:
    """Which texels show the surface, and the colours [T, 3] that they should have."""
    owner = rasterize_faces(atlas.uvs, atlas.surface.faces, SIZE)
    texels = painted(owner, 0, SIZE)
    points, _ = plain_places(texels, owner, atlas)
    return texels, 0.5 + 0.4 * points / np.linalg.norm(points, axis=1, keepdims=True)


def test_every_texel_has_the_colour_of_its_place(ball: Ball) -> None:
    picture = bake_texture(ball.atlas, ball.coloring, SIZE, silent())
    assert picture.shape == (SIZE, SIZE, 3)
    texels, colors = expected(ball.atlas)
    gaps = np.abs(picture.reshape(-1, 3)[texels] / 255 - colors)
    assert gaps.mean() < 0.01
    assert np.percentile(gaps, 99.9) < 0.06


def test_nothing_stays_black_around_the_charts(ball: Ball) -> None:
    picture = bake_texture(ball.atlas, ball.coloring, SIZE, silent())
    assert picture.max(axis=2).min() > 255 * 0.2  # the darkest corner has 0.27 of some colour


def test_what_the_cloud_leaves_open_is_filled_from_beside() -> None:
    cloud = shell(20_000)
    ball = ball_of(cloud.select(cloud.means[:, 0] < 0.7))
    picture = bake_texture(ball.atlas, ball.coloring, SIZE, silent())
    assert picture.max(axis=2).min() > 255 * 0.2  # the darkest corner has 0.27 of some colour


def test_a_cloud_that_nobody_sees_ends_too(ball: Ball) -> None:
    nobody = replace(ball.coloring.field, opacities=0 * ball.coloring.field.opacities)
    blind = replace(ball.coloring.views.rendering, alphas=0 * ball.coloring.views.rendering.alphas)
    views = replace(ball.coloring.views, rendering=blind)
    picture = bake_texture(ball.atlas, GaussianColors(nobody, views), SIZE, silent())
    assert picture.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("after", [0, 1])
def test_cancellation_stops_between_bands(ball: Ball, after: int) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: len(steps) > after)
    with pytest.raises(Cancelled):
        bake_texture(ball.atlas, ball.coloring, SIZE, progress)
    assert len(steps) == after + 1


def test_faces_smaller_than_a_texel_are_painted_too() -> None:
    uvs = np.array([[0.5, 0.5], [0.5001, 0.5], [0.5, 0.5001]], np.float32)
    owner = rasterize_faces(uvs, np.array([[0, 1, 2]], np.int32), 64)
    assert (owner == 0).any()


def test_places_are_those_between_the_corners(ball: Ball) -> None:
    atlas = ball.atlas
    owner = rasterize_faces(atlas.uvs, atlas.surface.faces, SIZE)
    texels = painted(owner, 0, SIZE)
    skin = (atlas.surface.vertices, atlas.normals)
    found = texel_positions(texels, owner, atlas.uvs, atlas.surface.faces, skin)
    for values, plain in zip(found, plain_places(texels, owner, atlas), strict=True):
        np.testing.assert_allclose(values, plain, atol=1e-3)


def test_each_texel_takes_the_nearest_colour() -> None:
    random = np.random.default_rng(0)
    owner = np.where(random.random((64, 64)) < 0.01, 1, -1).astype(np.int32)
    nearest = nearest_covered(owner)
    rows, columns = np.nonzero(owner > 0)
    y, x = np.mgrid[:64, :64]
    distances = np.hypot(y[..., None] - rows, x[..., None] - columns)
    found = np.hypot(y - nearest // 64, x - nearest % 64)
    np.testing.assert_array_equal(found, distances.min(axis=2))


def test_detail_is_kept_and_the_level_is_what_is_seen() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = 40
    seen = np.full((32, 32, 3), 120, np.uint8)
    both = np.full((32, 32), 3, np.uint8)
    merged = transfer_detail(stripes, seen, both, 2).astype(int)
    inner = merged[4:-4, 4:-4]
    assert (np.abs(np.diff(inner, axis=1)) > 30).all()
    assert abs(inner.mean() - 120) < 4


def test_only_known_colours_are_taken() -> None:
    sharp, seen = np.full((8, 8, 3), 10, np.uint8), np.full((8, 8, 3), 200, np.uint8)
    known = np.ones((8, 8), np.uint8)
    known[:, 4:] = 2
    merged = transfer_detail(sharp, seen, known, 2)
    assert (merged[:, :4] == 10).all()
    assert (merged[:, 4:] == 200).all()


@pytest.mark.parametrize("blur", [2, 3, 4, 8])
def test_means_of_a_lattice_are_as_good_as_those_of_all_texels(blur: int) -> None:
    y, x = np.mgrid[:64, :64]
    sharp = np.stack([100 + 20 * (x % 2), x, y], axis=2).astype(np.uint8)
    seen = np.stack([100 + x // 2, x + 9, 2 * y], axis=2).astype(np.uint8)
    every = np.full((64, 64), 3, np.uint8)
    few = np.where((x % sample_step(blur) == 0) & (y % sample_step(blur) == 0), 3, 1)
    only_few = np.where(few[..., None] == 3, seen, 0).astype(np.uint8)
    np.testing.assert_array_equal(
        transfer_detail(sharp, seen, every, blur),
        transfer_detail(sharp, only_few, few.astype(np.uint8), blur),
    )
    gaps = seen.astype(float) - sharp
    mean = np.stack([uniform_filter(gap, 2 * blur + 1) for gap in np.moveaxis(gaps, 2, 0)], axis=2)
    plain = np.clip(np.round(sharp + mean), 0, 255)
    inner = np.s_[blur:-blur, blur:-blur]
    difference = np.abs(transfer_detail(sharp, seen, every, blur).astype(float) - plain)[inner]
    assert np.percentile(difference, 90) <= 5


def test_what_lies_beside_a_texel_does_not_bleed_into_it() -> None:
    """Along an edge blurred pictures show either side darker or lighter than it is."""
    sharp = np.full((64, 64, 3), 250, np.uint8)
    sharp[:, 32:] = 10
    channels = np.moveaxis(sharp.astype(float), 2, 0)
    seen = np.stack([uniform_filter(channel, 5) for channel in channels], axis=2)
    both = np.full((64, 64), 3, np.uint8)
    merged = transfer_detail(sharp, seen.round().astype(np.uint8), both, 1).astype(int)
    assert np.abs(merged - sharp).max() <= 24
