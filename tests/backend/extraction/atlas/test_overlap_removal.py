"""Flat charts that lie over themselves, a little or much."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.extraction.atlas.overlap_removal import remove_overlaps
from splatsmith.extraction.surface.adjacency import face_neighbors
from splatsmith.gaussians.numba_jit import Floats

STEPS = 48


def ring(turn: float, lift: float = 0.0, narrowing: float = 0.0) -> tuple[Floats, np.ndarray]:
    """A strip around the origin; points and faces.

    Towards its end its outer rim runs `lift` further out, and each rim `narrowing` further inside.
    """
    angles = np.linspace(0, turn, STEPS + 1)
    outward = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    along = (angles / turn)[:, None]
    inner = outward * (1 + narrowing * along)
    outer = outward * (2 + (lift - narrowing) * along)
    points = np.concatenate([inner, outer]).astype(np.float32)
    a = np.arange(STEPS)
    b, c, d = a + 1, a + STEPS + 1, a + STEPS + 2
    faces = np.concatenate([np.stack([a, c, d], axis=1), np.stack([a, d, b], axis=1)])
    return points, faces.astype(np.int32)


def tangles(points: Floats, faces: np.ndarray, most: float) -> np.ndarray:
    """What `remove_overlaps` reports of one chart; its points are moved."""
    rims = face_neighbors(faces) < 0
    return remove_overlaps(points, faces, rims, np.array([0, len(faces)]), most)[0]


def areas(points: Floats, faces: np.ndarray) -> np.ndarray:
    a, b, c = (points[faces[:, i]].astype(np.float64) for i in range(3))
    u, v = b - a, c - a
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def depth_at_samples(points: Floats, faces: np.ndarray) -> np.ndarray:
    """[N] how many faces lie over each of many random places."""
    places = np.random.default_rng(0).uniform(-2.5, 2.5, (100_000, 2))
    covers = np.zeros(len(places), int)
    for face in faces:
        a, b, c = points[face].astype(np.float64)
        inside = np.ones(len(places), bool)
        for start, end in ((a, b), (b, c), (c, a)):
            edge, there = end - start, places - start
            inside &= edge[0] * there[:, 1] - edge[1] * there[:, 0] > 0
        covers += inside
    return covers


def test_what_does_not_overlap_stays() -> None:
    points, faces = ring(1.9 * np.pi)
    before = points.copy()
    assert tangles(points, faces, 0.1).tolist() == [-1, -1]
    np.testing.assert_array_equal(points, before)


def test_ends_that_overlap_a_little_are_drawn_apart() -> None:
    points, faces = ring(2 * np.pi + 0.02, narrowing=0.1)
    before = points.copy()
    assert depth_at_samples(points, faces).max() == 2
    assert tangles(points, faces, 0.1).tolist() == [-1, -1]
    assert depth_at_samples(points, faces).max() == 1
    assert 0 < np.abs(points - before).max() < 0.1
    assert (areas(points, faces) > 0).all()


@pytest.mark.parametrize("turn", [2.02 * np.pi, 2.5 * np.pi, 4 * np.pi])
def test_where_more_overlaps_two_faces_are_named_and_nothing_moves(turn: float) -> None:
    points, faces = ring(turn, lift=0.3)
    before = points.copy()
    one, other = tangles(points, faces, 0.001)
    np.testing.assert_array_equal(points, before)
    middles = points[faces[[one, other]]].mean(axis=1)
    assert np.linalg.norm(middles[0] - middles[1]) < 1, "they lie at one place of the plane"
    assert abs(one - other) % STEPS > 1, "and not beside each other in the strip"


def test_a_touch_is_an_overlap() -> None:
    """Two sheets whose outlines are the same lie over each other though no edges cross."""
    points, faces = ring(4 * np.pi)
    assert depth_at_samples(points, faces).max() == 2
    assert tangles(points, faces, 1e-6)[0] >= 0


def test_other_charts_stay_as_they_are() -> None:
    tangled, faces = ring(2 * np.pi + 0.02, narrowing=0.1)
    plain, _ = ring(1.5 * np.pi)
    points = np.concatenate([plain, tangled])
    both = np.concatenate([faces, faces + len(plain)]).astype(np.int32)
    rims = face_neighbors(both) < 0
    starts = np.array([0, len(faces), 2 * len(faces)])
    assert remove_overlaps(points, both, rims, starts, 0.1).tolist() == [[-1, -1], [-1, -1]]
    np.testing.assert_array_equal(points[: len(plain)], plain)
    assert (points[len(plain) :] != tangled).any()
