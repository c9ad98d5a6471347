"""A grid of cells that counts points around others; numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LAST_CELL = (1 << 20) - 2  # from the middle, along an axis
_STRIDE = 1 << 21  # cells along an axis; three fit in 63 bits


def longest_within(distance: float) -> float:
    """The edge of cells: points in 3^3 of them, one in the middle, are at most `distance` apart."""
    return distance / (2 * 3**0.5)


class PointCells:
    """Points [N, 3] in cells around their median; is_outside [N]: points beyond the grid."""

    def __init__(self, positions: NDArray[np.float32], edge: float) -> None:
        columns = (positions - np.median(positions, axis=0)).T
        self._keys = np.zeros(len(positions), np.int64)
        self.is_outside = np.zeros(len(positions), np.bool_)
        for column in columns:
            cell = np.floor(column / np.float64(edge))
            self.is_outside |= np.abs(cell) > _LAST_CELL
            np.clip(cell, -_LAST_CELL, _LAST_CELL, out=cell)
            self._keys = self._keys * _STRIDE + (cell.astype(np.int64) + _LAST_CELL + 1)

    def counts_around(self) -> NDArray[np.intp]:
        """[N], how many points are in the 3^3 cells around each, itself included.

        What is outside counts in the outermost cells, so that no count is too low.
        """
        occupied, places, counts = np.unique(self._keys, return_inverse=True, return_counts=True)
        before = np.concatenate([[0], np.cumsum(counts)])
        total = np.zeros(len(occupied), np.intp)
        for x in (-1, 0, 1):
            for y in (-1, 0, 1):
                middle = occupied + (x * _STRIDE + y) * _STRIDE
                first = np.searchsorted(occupied, middle - 1, "left")
                last = np.searchsorted(occupied, middle + 1, "right")
                total += before[last] - before[first]
        return total[places]
