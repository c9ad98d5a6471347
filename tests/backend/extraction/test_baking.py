"""Textures painted from clouds whose colours tell where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.errors import Cancelled
from splatsmith.extraction.baking import bake
from splatsmith.extraction.coloring import Coloring
from splatsmith.extraction.sharpening import sharpened
from splatsmith.extraction.surface import Surface
from splatsmith.extraction.texels import corner_weights, cover, nearest_owned, painted
from splatsmith.extraction.unwrapping import Atlas, unwrap
from splatsmith.extraction.views import Subject, look_around
from splatsmith.progress import Progress, silent
from tests.backend.extraction.surfaces import sphere
from tests.backend.gaussians.clouds import shell

SIZE = 512


@dataclass(frozen=True)
class Ball:
    surface: Surface
    atlas: Atlas
    coloring: Coloring


def ball_of(cloud: GaussianCloud) -> Ball:
    subject = Subject.of(cloud)
    views = look_around(cloud, 16, 160, "cpu", silent())
    center, radius = subject.sphere.center, np.float32(subject.sphere.radius)
    surface = Surface((sphere().vertices - center) / radius, sphere().faces)
    coloring = Coloring.of(subject.cloud, surface, views)
    return Ball(surface, unwrap(surface, silent()), coloring)


@pytest.fixture(scope="module")
def ball() -> Ball:
    return ball_of(shell(20_000))


def expected(atlas: Atlas) -> tuple[np.ndarray, np.ndarray]:
    """Which texels show the surface, and the colours [T, 3] that they should have."""
    owner = cover(atlas.uvs, atlas.surface.faces, SIZE)
    texels = painted(owner, 0, SIZE)
    weights = corner_weights(texels, owner, atlas.uvs, atlas.surface.faces)
    corners = atlas.surface.faces[owner.reshape(-1)[texels]]
    points = np.einsum("tk,tki->ti", weights, atlas.surface.vertices[corners])
    return texels, 0.5 + 0.4 * points / np.linalg.norm(points, axis=1, keepdims=True)


def test_every_texel_has_the_colour_of_its_place(ball: Ball) -> None:
    picture = bake(ball.atlas, ball.coloring, SIZE, silent())
    assert picture.shape == (SIZE, SIZE, 3)
    texels, colors = expected(ball.atlas)
    gaps = np.abs(picture.reshape(-1, 3)[texels] / 255 - colors)
    assert gaps.mean() < 0.01
    assert np.percentile(gaps, 99.9) < 0.06


def test_nothing_stays_black_around_the_charts(ball: Ball) -> None:
    picture = bake(ball.atlas, ball.coloring, SIZE, silent())
    assert picture.max(axis=2).min() > 255 * 0.2  # the darkest corner has 0.27 of some colour


def test_what_the_cloud_leaves_open_is_filled_from_beside() -> None:
    cloud = shell(20_000)
    ball = ball_of(cloud.take(cloud.means[:, 0] < 0.7))
    picture = bake(ball.atlas, ball.coloring, SIZE, silent())
    assert picture.max(axis=2).min() > 255 * 0.2  # the darkest corner has 0.27 of some colour


def test_a_cloud_that_nobody_sees_ends_too(ball: Ball) -> None:
    nobody = replace(ball.coloring.field, opacities=0 * ball.coloring.field.opacities)
    blind = replace(ball.coloring.views.rendering, alphas=0 * ball.coloring.views.rendering.alphas)
    views = replace(ball.coloring.views, rendering=blind)
    picture = bake(ball.atlas, Coloring(nobody, views), SIZE, silent())
    assert picture.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("after", [0, 1])
def test_cancellation_stops_between_bands(ball: Ball, after: int) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: len(steps) > after)
    with pytest.raises(Cancelled):
        bake(ball.atlas, ball.coloring, SIZE, progress)
    assert len(steps) == after + 1


def test_faces_smaller_than_a_texel_are_painted_too() -> None:
    uvs = np.array([[0.5, 0.5], [0.5001, 0.5], [0.5, 0.5001]], np.float32)
    owner = cover(uvs, np.array([[0, 1, 2]], np.int32), 64)
    assert (owner == 0).any()


def test_each_texel_takes_the_nearest_colour() -> None:
    random = np.random.default_rng(0)
    owner = np.where(random.random((64, 64)) < 0.01, 1, -1).astype(np.int32)
    nearest = nearest_owned(owner)
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
    merged = sharpened(stripes, seen, both, 2).astype(int)
    inner = merged[4:-4, 4:-4]
    assert (np.abs(np.diff(inner, axis=1)) > 30).all()
    assert abs(inner.mean() - 120) < 4


def test_only_known_colours_are_taken() -> None:
    sharp, seen = np.full((8, 8, 3), 10, np.uint8), np.full((8, 8, 3), 200, np.uint8)
    known = np.ones((8, 8), np.uint8)
    known[:, 4:] = 2
    merged = sharpened(sharp, seen, known, 2)
    assert (merged[:, :4] == 10).all()
    assert (merged[:, 4:] == 200).all()
