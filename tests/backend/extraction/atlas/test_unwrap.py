"""UV atlases of simple and of degenerate surfaces."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.ndimage import maximum_filter, minimum_filter

from splatsmith.errors import Cancelled
from splatsmith.extraction.atlas.unwrap import Atlas, unwrap
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.gaussians.numba_jit import jit
from splatsmith.progress import Progress, silent
from tests.backend.extraction.sample_surfaces import (
    box,
    rolled_sheet,
    sphere,
    spiral_ramp,
    surface_of,
)

SIZE = 2048
FINE = 4096


def torus() -> Surface:
    return surface_of(trimesh.creation.torus(0.7, 0.3, 48, 24))


def crumpled() -> Surface:
    """Many small charts, degenerate faces, and folds that no projection shows whole."""
    ball = sphere(4)
    bumps = np.random.default_rng(0).normal(size=ball.vertices.shape).astype(np.float32)
    flat = np.array([[0, 1, 1], [2, 3, 2]], np.int32)
    bumpy = (ball.vertices + 0.03 * bumps).astype(np.float32)
    return Surface(bumpy, np.concatenate([ball.faces, flat]))


SHAPES = [crumpled, sphere, box, torus, rolled_sheet, spiral_ramp]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: shape.__name__)
def pair(request: pytest.FixtureRequest) -> tuple[Surface, Atlas]:
    surface = request.param()
    return surface, unwrap(surface, silent())


def test_faces_do_not_overlap(pair: tuple[Surface, Atlas]) -> None:
    assert (covers(pair[1]) > 1).sum() == 0


def test_the_overlap_count_notices_an_overlap() -> None:
    atlas = unwrap(box(), silent())
    everything_on_one_face = np.tile(atlas.uvs[atlas.surface.faces[0]], (4, 1))
    spoilt = Atlas(
        Surface(np.zeros((12, 3), np.float32), np.arange(12, dtype=np.int32).reshape(4, 3)),
        everything_on_one_face,
        atlas.normals,
        atlas.source,
        atlas.charts,
    )
    assert (covers(spoilt) > 1).sum() > 1000


def test_faces_and_positions_stay(pair: tuple[Surface, Atlas]) -> None:
    surface, atlas = pair
    np.testing.assert_array_equal(atlas.source[atlas.surface.faces], surface.faces)
    np.testing.assert_array_equal(atlas.surface.vertices, surface.vertices[atlas.source])
    assert atlas.uvs.min() > 0
    assert atlas.uvs.max() < 1


def test_charts_are_not_mirrored(pair: tuple[Surface, Atlas]) -> None:
    surface, atlas = pair
    # Counter-clockwise with v upwards is clockwise with v downwards.
    assert (flat_areas(atlas)[areas_of(surface) > 0] < 0).all()


def test_texel_density_is_uniform(pair: tuple[Surface, Atlas]) -> None:
    surface, atlas = pair
    areas = areas_of(surface)
    density = np.abs(flat_areas(atlas)) / np.maximum(areas, 1e-12)
    density /= np.average(density, weights=areas)
    assert np.average(np.abs(density - 1), weights=areas) < 0.2
    assert np.average(density < 0.3, weights=areas) < 0.02


def test_charts_keep_their_distance(pair: tuple[Surface, Atlas]) -> None:
    chart = np.full((SIZE, SIZE), -1, np.int32)
    atlas = pair[1]
    _mark(atlas.uvs.astype(np.float64) * SIZE - 0.5, atlas.surface.faces, atlas.charts, chart)
    largest = maximum_filter(chart, size=4)
    smallest = minimum_filter(np.where(chart < 0, SIZE * SIZE, chart), size=4)
    assert not ((largest >= 0) & (smallest < largest)).any()


def test_smooth_surfaces_need_few_charts_and_fill_the_square() -> None:
    atlas = unwrap(sphere(5), silent())
    assert atlas.charts.max() < 30
    assert np.abs(flat_areas(atlas)).sum() > 0.55


def test_a_box_has_one_chart_a_side() -> None:
    atlas = unwrap(box(), silent())
    assert atlas.charts.max() == 5
    assert np.abs(flat_areas(atlas)).sum() > 0.6


def test_seams_do_not_show_in_the_normals() -> None:
    surface = sphere()
    atlas = unwrap(surface, silent())
    assert len(atlas.source) > len(surface.vertices)
    np.testing.assert_allclose(atlas.normals, surface.vertices[atlas.source], atol=0.02)
    order = np.argsort(atlas.source, kind="stable")
    twins = atlas.source[order][1:] == atlas.source[order][:-1]
    np.testing.assert_array_equal(atlas.normals[order][1:][twins], atlas.normals[order][:-1][twins])


def surface_from(faces: list[list[int]], vertices: list[list[float]] | None = None) -> Surface:
    corners = vertices or [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]
    return Surface(np.array(corners, np.float32), np.array(faces, np.int32))


@pytest.mark.parametrize(
    "surface",
    [
        surface_from([[0, 1, 2]]),
        surface_from([[0, 1, 2], [0, 0, 1]]),
        surface_from([[0, 1, 2], [0, 1, 2]]),
        surface_from([[0, 1, 2], [0, 2, 1]]),
        surface_from([[0, 1, 2], [1, 0, 3], [0, 1, 4]]),
        surface_from([[0, 1, 2], [3, 4, 1]]),
        surface_from([[0, 1, 2]], [[0, 0, 0], [1e-12, 0, 0], [0, 1e-12, 0]]),
        surface_from([[0, 1, 2], [0, 2, 1]], [[0, 0, 0], [1, 0, 0], [2, 0, 0]]),
    ],
    ids=["one", "flat edge", "twice", "both sides", "three at an edge", "apart", "tiny", "line"],
)
def test_degenerate_surfaces_are_unwrapped(surface: Surface) -> None:
    atlas = unwrap(surface, silent())
    assert len(atlas.surface.faces) == len(surface.faces)
    assert np.isfinite(atlas.uvs).all()
    assert np.isfinite(atlas.normals).all()
    assert (covers(atlas) > 1).sum() == 0


def test_a_soup_of_triangles_still_fits() -> None:
    random = np.random.default_rng(0)
    corners = random.normal(size=(3000, 1, 3)) + 0.1 * random.normal(size=(3000, 3, 3))
    faces = np.arange(9000, dtype=np.int32).reshape(-1, 3)
    atlas = unwrap(Surface(corners.reshape(-1, 3).astype(np.float32), faces), silent())
    assert (covers(atlas) > 1).sum() == 0
    assert (flat_areas(atlas) < 0).all()


@pytest.mark.parametrize("after", [0, 1, 2])
def test_cancellation_stops_between_the_steps(after: int) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: len(steps) > after)
    with pytest.raises(Cancelled):
        unwrap(sphere(), progress)
    assert len(steps) == after + 1


def areas_of(surface: Surface) -> np.ndarray:
    a, b, c = (surface.vertices[surface.faces[:, i]].astype(np.float64) for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def flat_areas(atlas: Atlas) -> np.ndarray:
    """[F] signed areas, v downwards."""
    a, b, c = (atlas.uvs[atlas.surface.faces[:, i]].astype(np.float64) for i in range(3))
    u, v = b - a, c - a
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def covers(atlas: Atlas) -> np.ndarray:
    """[FINE, FINE] number of faces with each texel's centre strictly inside."""
    counts = np.zeros((FINE, FINE), np.int32)
    _count(atlas.uvs.astype(np.float64) * FINE - 0.5, atlas.surface.faces, counts)
    return counts


@jit()
def _texels_of(uvs: np.ndarray, face: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns of the texels whose centres lie strictly inside a face."""
    x, y = uvs[face, 0], uvs[face, 1]
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    found = []
    for row in range(int(np.ceil(y.min())), int(np.floor(y.max())) + 1):
        for column in range(int(np.ceil(x.min())), int(np.floor(x.max())) + 1):
            inside = area != 0
            for i in range(3):
                j = (i + 1) % 3
                edge = (x[j] - x[i]) * (row - y[i]) - (y[j] - y[i]) * (column - x[i])
                inside = inside and edge * area > 1e-6 * abs(area)
            if inside:
                found.append((row, column))
    return found


@jit()
def _count(uvs: np.ndarray, faces: np.ndarray, counts: np.ndarray) -> None:
    for face in faces:
        for row, column in _texels_of(uvs, face):
            counts[row, column] += 1


@jit()
def _mark(uvs: np.ndarray, faces: np.ndarray, charts: np.ndarray, chart: np.ndarray) -> None:
    for face in range(len(faces)):
        for row, column in _texels_of(uvs, faces[face]):
            chart[row, column] = charts[face]
