"""Self-overlaps of flat charts, small and large."""

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


def find_overlaps(points: Floats, faces: np.ndarray, max_move: float) -> np.ndarray:
    """The result of `remove_overlaps` for one chart, whose points are moved."""
    boundary = face_neighbors(faces) < 0
    return remove_overlaps(points, faces, boundary, np.array([0, len(faces)]), max_move)[0]


def areas(points: Floats, faces: np.ndarray) -> np.ndarray:
    a, b, c = (points[faces[:, i]].astype(np.float64) for i in range(3))
    u, v = b - a, c - a
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def depth_at_samples(points: Floats, faces: np.ndarray) -> np.ndarray:
    """[N] number of faces that cover each of many random points."""
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


def test_charts_without_overlap_stay() -> None:
    points, faces = ring(1.9 * np.pi)
    before = points.copy()
    assert find_overlaps(points, faces, 0.1).tolist() == [-1, -1]
    np.testing.assert_array_equal(points, before)


def test_small_overlaps_are_separated() -> None:
    points, faces = ring(2 * np.pi + 0.02, narrowing=0.1)
    before = points.copy()
    assert depth_at_samples(points, faces).max() == 2
    assert find_overlaps(points, faces, 0.1).tolist() == [-1, -1]
    assert depth_at_samples(points, faces).max() == 1
    assert 0 < np.abs(points - before).max() < 0.1
    assert (areas(points, faces) > 0).all()


@pytest.mark.parametrize("turn", [2.02 * np.pi, 2.5 * np.pi, 4 * np.pi])
def test_large_overlaps_are_reported_and_nothing_moves(turn: float) -> None:
    points, faces = ring(turn, lift=0.3)
    before = points.copy()
    one, other = find_overlaps(points, faces, 0.001)
    np.testing.assert_array_equal(points, before)
    middles = points[faces[[one, other]]].mean(axis=1)
    assert np.linalg.norm(middles[0] - middles[1]) < 1, "they are near each other in the plane"
    assert abs(one - other) % STEPS > 1, "and not adjacent in the strip"


def test_a_touch_is_an_overlap() -> None:
    """Two coincident sheets overlap although no edges cross."""
    points, faces = ring(4 * np.pi)
    assert depth_at_samples(points, faces).max() == 2
    assert find_overlaps(points, faces, 1e-6)[0] >= 0


def test_other_charts_stay_as_they_are() -> None:
    overlapping, faces = ring(2 * np.pi + 0.02, narrowing=0.1)
    plain, _ = ring(1.5 * np.pi)
    points = np.concatenate([plain, overlapping])
    both = np.concatenate([faces, faces + len(plain)]).astype(np.int32)
    boundary = face_neighbors(both) < 0
    starts = np.array([0, len(faces), 2 * len(faces)])
    assert remove_overlaps(points, both, boundary, starts, 0.1).tolist() == [[-1, -1], [-1, -1]]
    np.testing.assert_array_equal(points[: len(plain)], plain)
    assert (points[len(plain) :] != overlapping).any()
