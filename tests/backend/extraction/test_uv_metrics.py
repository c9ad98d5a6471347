"""The benchmark's UV metrics, on maps whose stretch is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.extraction.uv_metrics import (
    UvMapping,
    chart_count,
    score_mapping,
    seam_length,
    stretch,
)

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def square(width: float = 1.0, height: float = 1.0, size: float = 3.0) -> UvMapping:
    """A square of `size` in space, a rectangle in the texture."""
    return UvMapping(size * SQUARE, SQUARE[:, :2] * np.array([width, height], np.float32), FACES)


def test_isometric_maps_have_no_stretch() -> None:
    assert stretch(square(0.5, 0.5)) == pytest.approx((1, 1))


def test_stretch_is_that_of_the_singular_values() -> None:
    # From texture to surface 1 and 2, scaled to equal areas: 1 / sqrt(2) and sqrt(2).
    l2, linf = stretch(square(1, 0.5))
    assert l2 == pytest.approx(np.sqrt((0.5 + 2) / 2))
    assert linf == pytest.approx(np.sqrt(2))


def test_unequal_scales_of_charts_are_stretch() -> None:
    one, other = square(0.25, 0.25), square(0.5, 0.5)
    both = UvMapping(
        np.concatenate([one.positions, other.positions]),
        np.concatenate([one.uvs, other.uvs + np.array([0.5, 0], np.float32)]),
        np.concatenate([one.faces, other.faces + 4]),
    )
    l2, linf = stretch(both)
    scale = np.sqrt((0.25**2 + 0.5**2) / 2)
    assert l2 == pytest.approx(scale * np.sqrt((4**2 + 2**2) / 2), rel=1e-5)
    assert linf == pytest.approx(scale * 4, rel=1e-5)


def test_degenerate_faces_are_ignored() -> None:
    mapping = square(0.5, 0.5)
    faces = np.concatenate([mapping.faces, [[0, 1, 1]]]).astype(np.int32)
    assert stretch(UvMapping(mapping.positions, mapping.uvs, faces)) == pytest.approx((1, 1))


def test_charts_seams_and_utilization() -> None:
    mapping = square(0.5, 0.25)
    assert chart_count(mapping) == 1
    assert seam_length(mapping) == pytest.approx(4)
    assert score_mapping(mapping).utilization == pytest.approx(0.125)
    apart = UvMapping(
        mapping.positions[FACES.ravel()],
        mapping.uvs[FACES.ravel()],
        np.arange(6, dtype=np.int32).reshape(2, 3),
    )
    assert chart_count(apart) == 2
    assert seam_length(apart) == pytest.approx(4 + 2 * np.sqrt(2))
