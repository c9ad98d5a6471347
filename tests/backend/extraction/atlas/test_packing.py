"""Packing of charts; how they lie in the square is tested with unwrapping."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.contract.problems import InvalidRequest
from splatsmith.extraction.atlas.packing import GRID_SIZE, FlatCharts, pack_charts

TRIANGLE = np.array([[0, 0], [1, 0], [0, 1]], np.float32)


def triangles(count: int) -> FlatCharts:
    """`count` equal charts of one face."""
    faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    return FlatCharts(np.tile(TRIANGLE, (count, 1)), faces, np.arange(count + 1, dtype=np.int32))


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_charts_keep_their_shape_at_one_scale(count: int) -> None:
    corners = pack_charts(triangles(count)).reshape(count, 3, 2)
    sides = np.sort(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2), axis=1)
    np.testing.assert_allclose(sides, np.tile(sides[0, 0] * np.sqrt([1, 1, 2]), (count, 1)), 1e-4)
    assert 0 < corners.min() < corners.max() < 1


def test_a_degenerate_chart_is_packed() -> None:
    faces = np.array([[0, 1, 2]], np.int32)
    charts = FlatCharts(np.zeros((3, 2), np.float32), faces, np.arange(2, dtype=np.int32))
    assert np.isfinite(pack_charts(charts)).all()


def test_more_charts_than_cells_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="too many separate pieces"):
        pack_charts(triangles(GRID_SIZE * GRID_SIZE + 1))
