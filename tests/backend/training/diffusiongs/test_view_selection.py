"""Which views are selected, on cameras whose angles are known."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.engines.diffusiongs.views import Matrices
from splatsmith.gaussians.cameras import orbit_cameras
from training.diffusiongs.view_selection import (
    AngleLimits,
    ViewCounts,
    select_sides,
    select_views,
    within_angles,
)


def ring(count: int, elevation: float = 20.0) -> Matrices:
    """Cameras at equal steps around the origin, looking at it."""
    azimuths = [360 / count * index for index in range(count)]
    viewmats = orbit_cameras(azimuths, elevation, 3.0, 40.0, 64).viewmats
    return np.linalg.inv(viewmats.astype(np.float64)).astype(np.float64)


def steps_between(first: int, second: int, count: int) -> int:
    return min((first - second) % count, (second - first) % count)


def test_angles_of_cameras_on_a_circle_are_those_of_their_azimuths() -> None:
    allowed = within_angles(ring(12, elevation=0.0), 60.001, 180.0)
    for i in range(12):
        for j in range(12):
            assert allowed[i, j] == (steps_between(i, j, 12) <= 2)


def test_a_camera_that_looks_away_keeps_the_position_s_limit_alone() -> None:
    c2w = ring(8)
    c2w[1, :3, :3] = c2w[1, :3, :3] @ np.diag([-1.0, 1, -1])  # turned about its vertical axis
    assert within_angles(c2w, 50.0, 180.0)[0, 1]
    assert not within_angles(c2w, 50.0, 90.0)[0, 1]
    assert within_angles(c2w, 50.0, 90.0)[0, 7]


def test_selected_views_keep_both_limits() -> None:
    c2w = ring(24, elevation=0.0)
    limits = AngleLimits(75.01, 75.01, 60.01, 60.01)
    rng = np.random.default_rng(0)
    for _ in range(50):
        clean, *others = select_views(c2w, ViewCounts(2, 2), limits, rng).tolist()
        noisy, novel = others[:2], others[2:]
        assert len({clean, *others}) == 5
        assert all(steps_between(clean, each, 24) <= 5 for each in noisy)
        assert all(steps_between(one, other, 24) <= 4 for one in noisy for other in novel)


def test_limits_that_no_views_keep_are_an_error() -> None:
    limits = AngleLimits(noisy_position=5.0)
    with pytest.raises(ValueError, match="widen the limits"):
        select_views(ring(12), ViewCounts(3, 1), limits, np.random.default_rng(0))


def test_sides_are_a_quarter_apart_and_novel_views_are_others() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        chosen = select_sides(ring(16), ViewCounts(3, 4), rng)
        assert ((chosen[1:4] - chosen[0]) % 16).tolist() == [4, 8, 12]
        assert len(set(chosen.tolist())) == 8
