"""Which points are far from all others: the distance to the k-th nearest neighbour."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

_SAMPLE = 2_000  # points whose distances tell what is typical
_INSERT_ROWS = 512  # at a time, as lists: Python's garbage collection is slow with many
_LAST_CELL = (1 << 20) - 2  # from the middle, along an axis
_STRIDE = 1 << 21  # cells along an axis; three fit in 63 bits
_ROUNDING = 1e-5  # which cells are made smaller or larger by, to be on the safe side
_SEED = 0

_Positions = NDArray[np.float32]  # [N, 3]
_Mask = NDArray[np.bool_]  # [N]


class NeighborSearch:
    """A search tree of points [N, 3], all finite."""

    def __init__(self, positions: _Positions) -> None:
        self.positions = positions
        self._tree = KDTree(len(positions))
        for start in range(0, len(positions), _INSERT_ROWS):
            rows = positions[start : start + _INSERT_ROWS].tolist()
            for index, position in enumerate(rows, start):
                self._tree.insert(position, index)
        self._tree.balance()

    def distances(self, rows: NDArray[np.intp], neighbors: int) -> NDArray[np.float64]:
        """The distances of the points at `rows` to their k-th nearest other point.

        Infinity where there are fewer points.
        """
        found = [self._tree.find_n(p, neighbors + 1) for p in self.positions[rows].tolist()]
        return np.array([near[-1][2] if len(near) > neighbors else np.inf for near in found])

    def typical_distance(self, neighbors: int) -> float:
        """The median of the distances of all points, estimated from a fixed sample of them."""
        count = len(self.positions)
        rows = np.random.default_rng(_SEED).permutation(count)[:_SAMPLE]
        return float(np.median(self.distances(rows, neighbors))) if count else 0.0

    def farther_than(self, distance: float, neighbors: int) -> _Mask:
        """[N], whose k-th nearest other point is farther than `distance`.

        Exact. Most points are told by counting in cells: those of cells with enough points close
        by are near, those with too few in all cells that the distance reaches are far. The tree
        is asked about the others alone.
        """
        # Two points in 3^3 cells of this edge, one of them in the middle, are not farther apart.
        cells = _Cells(self.positions, distance / (2 * 3**0.5) * (1 - _ROUNDING))
        undecided = np.flatnonzero((cells.counts_around() <= neighbors) | cells.is_outside)
        cells = _Cells(self.positions, distance * (1 + _ROUNDING))
        is_far = cells.counts_around(undecided) <= neighbors
        far = np.zeros(len(self.positions), np.bool_)
        far[undecided[is_far]] = True
        undecided = undecided[~is_far]
        far[undecided] = self.distances(undecided, neighbors) > distance
        return far


def far_from_others(positions: _Positions, times_typical: float, neighbors: int) -> _Mask:
    """[N], which points are farther from their k-th nearest other point than is typical.

    Args:
        times_typical: how many times the median of that distance.
        neighbors: k. Groups of up to k points count as far too.

    Points that are not finite are far. The search tree of the last positions is kept, so that
    other limits are tried out quickly.
    """
    finite: _Mask = np.logical_and.reduce(np.isfinite(positions), axis=1)
    far = ~finite
    if np.count_nonzero(finite) > neighbors:
        search = _search(np.ascontiguousarray(positions[finite], np.float32).tobytes())
        limit = times_typical * search.typical_distance(neighbors)
        if limit > 0:
            far[finite] = search.farther_than(limit, neighbors)
    return far


@lru_cache(maxsize=1)
def _search(positions: bytes) -> NeighborSearch:
    return NeighborSearch(np.frombuffer(positions, np.float32).reshape(-1, 3))


class _Cells:
    """A grid of cells of one edge, around the median; is_outside [N]: points beyond the grid."""

    def __init__(self, positions: _Positions, edge: float) -> None:
        columns = (positions - np.median(positions, axis=0)).T
        self._keys = np.zeros(len(positions), np.int64)
        self.is_outside = np.zeros(len(positions), np.bool_)
        for column in columns:
            cell = np.floor(column / np.float64(edge))
            self.is_outside |= np.abs(cell) > _LAST_CELL
            np.clip(cell, -_LAST_CELL, _LAST_CELL, out=cell)
            self._keys = self._keys * _STRIDE + (cell.astype(np.int64) + _LAST_CELL + 1)

    def counts_around(self, rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.intp]:
        """How many points are in the 3^3 cells around those at `rows`, themselves included.

        What is outside counts in the outermost cells, so that no count is too low.
        """
        occupied, counts = np.unique(self._keys, return_counts=True)
        before = np.concatenate([[0], np.cumsum(counts)])
        asked, places = np.unique(self._keys[rows], return_inverse=True)
        total = np.zeros(len(asked), np.intp)
        for x in (-1, 0, 1):
            for y in (-1, 0, 1):
                middle = asked + (x * _STRIDE + y) * _STRIDE
                first = np.searchsorted(occupied, middle - 1, "left")
                last = np.searchsorted(occupied, middle + 1, "right")
                total += before[last] - before[first]
        return total[places]
