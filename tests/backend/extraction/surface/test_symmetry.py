"""The mirror plane of symmetric point sets."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.extraction.surface.symmetry import find_mirror_plane, is_symmetric


def test_the_mirror_plane_is_found() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (4000, 3)).astype(np.float32)
    both = np.concatenate([points, points * (-1, 1, 1)]).astype(np.float32) + np.float32(0.3)
    plane = find_mirror_plane(both)
    assert plane == pytest.approx(0.3, abs=1e-3)
    assert is_symmetric(both, plane, 0.01)
    assert not is_symmetric(both, plane + 0.1, 0.01)
    assert not is_symmetric(points, find_mirror_plane(points), 0.01)
