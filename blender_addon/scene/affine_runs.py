"""Points in a row that one affine map moved: all blocks of a few points at a time; numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOOSE = 30  # times the rounding, where the map of a few points is tried on the next few
_FLAT = 1e-10  # determinant of a block's scatter, relative to its trace cubed

_Points = NDArray[np.float64]  # [3, B, W]
_Rows = NDArray[np.intp]


@dataclass(frozen=True)
class _BlockMaps:
    """The affine map of each of B blocks of W points, by least squares.

    linear: [B, 3, 3]. center, target: [3, B, 1]. is_solid: [B], the points lie in no plane.
    """

    linear: NDArray[np.float64]
    center: NDArray[np.float64]
    target: NDArray[np.float64]
    is_solid: NDArray[np.bool_]

    def errors(self, before: _Points, after: _Points, maps: slice) -> NDArray[np.float64]:
        """[B], the largest error of each block under the block's map out of `maps`."""
        moved = np.einsum("bij,jbw->ibw", self.linear[maps], before - self.center[:, maps])
        return np.abs(moved + self.target[:, maps] - after).max(axis=(0, 2), initial=0.0)


def find_runs(before: _Points, after: _Points, rounding: float) -> tuple[_Rows, _Rows]:
    """The runs of blocks that one map may have moved from `before` to `after` [3, B, W].

    Returns the first block of each run and the one behind its last. Blocks that no map moved, and
    flat ones, are in no run.
    """
    maps = _fit(before, after)
    own = maps.is_solid & (maps.errors(before, after, slice(None)) <= rounding)
    ahead = maps.errors(before[:, 1:], after[:, 1:], slice(None, -1)) <= _LOOSE * rounding
    goes_on = own[1:] & own[:-1] & ahead
    edge = np.zeros(1, np.bool_)
    starts = own & ~np.concatenate([edge, goes_on])[: len(own)]
    ends = own & ~np.concatenate([goes_on, edge])[: len(own)]
    return np.flatnonzero(starts), np.flatnonzero(ends) + 1


def _fit(before: _Points, after: _Points) -> _BlockMaps:
    center, target = (points.mean(axis=2, keepdims=True) for points in (before, after))
    inner = before - center
    scatter = np.einsum("ibw,jbw->bij", inner, inner)
    crossed = np.einsum("ibw,jbw->bij", after - target, inner)
    size = np.maximum(np.trace(scatter, axis1=1, axis2=2), np.finfo(np.float64).tiny)
    scatter /= size[:, None, None]
    is_solid = np.linalg.det(scatter) > _FLAT
    scatter[~is_solid] = np.eye(3)
    linear = crossed / size[:, None, None] @ np.linalg.inv(scatter)
    return _BlockMaps(linear, center, target, is_solid)
