"""Which points are far from all others: the distance to the k-th nearest neighbour.

What a search has found is kept, so that other limits for the same points are tried out at once.
Nothing here uses bpy: a search may run on any thread.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

from ..contract.cloud import OnProgress, ignore_progress
from .point_cells import PointCells, longest_within
from .spatial_order import spatial_order

_SAMPLE = 2_000  # points whose distances tell what is typical
_INSERT_ROWS = 512  # at a time, as lists: Python's garbage collection is slow with many
_ASKED_ROWS = 512  # between two reports of progress
_WINDOW = 24  # points before and behind one in memory, of which most are close in space
_ROUNDING = 1e-5  # which distances in cells are taken shorter by, to be on the safe side
_SEED = 0
_KEPT_POINTS = 4_000_000  # of all searches that are kept
# The shares of a search that are done after its parts.
_SORTED, _INSERTED, _BALANCED, _MEASURED, _COUNTED = 0.05, 0.25, 0.35, 0.4, 0.5

_Positions = NDArray[np.float32]  # [N, 3]
_Mask = NDArray[np.bool_]  # [N]
_Rows = NDArray[np.intp]


class NeighborSearch:
    """A search tree of points [N, 3], all finite, and the distances that it was asked for.

    The points are kept in spatial order: the tree is asked several times faster for points that
    are close to one another.
    """

    def __init__(self, positions: _Positions, on_progress: OnProgress = ignore_progress) -> None:
        on_progress(0.0)
        self.lock = threading.Lock()
        self._order = spatial_order(positions)
        self._points = positions[self._order]
        self._neighbors = 0
        self._known = np.empty(0)  # [N] distances to the k-th neighbor, NaN if not asked for
        self._asked_from = np.inf  # all farther ones are known
        self._typical = 0.0
        self._tree = KDTree(len(positions))
        for rows, share in _blocks(len(positions), _INSERT_ROWS):
            for index, position in enumerate(self._points[rows].tolist(), rows.start):
                self._tree.insert(position, index)
            on_progress(_SORTED + share * (_INSERTED - _SORTED))
        self._tree.balance()
        on_progress(_BALANCED)

    def __len__(self) -> int:
        return len(self._points)

    def typical_distance(self, neighbors: int) -> float:
        """The median of the distances of all points to their k-th nearest other point.

        It is estimated from a fixed sample of them.
        """
        if neighbors != self._neighbors:
            rows = np.sort(np.random.default_rng(_SEED).permutation(len(self))[:_SAMPLE])
            known = np.full(len(self), np.nan)
            known[rows] = self._distances(rows, neighbors)
            self._typical = float(np.median(known[rows])) if len(rows) else 0.0
            self._known, self._neighbors, self._asked_from = known, neighbors, np.inf
        return self._typical

    def farther_than(
        self, distance: float, neighbors: int, on_progress: OnProgress = ignore_progress
    ) -> _Mask:
        """[N], whose k-th nearest other point is farther than `distance`; exact.

        Nothing is measured twice: greater distances than before take no time.
        """
        self.typical_distance(neighbors)
        if distance < self._asked_from:
            self._ask(distance, neighbors, on_progress)
        far = np.zeros(len(self), np.bool_)
        far[self._order] = self._known > distance
        return far

    def _ask(self, distance: float, neighbors: int, on_progress: OnProgress) -> None:
        """Ask the tree about the points that may be farther than `distance`."""
        on_progress(_MEASURED)
        rows = self._maybe_far(distance, neighbors)
        rows = rows[np.isnan(self._known[rows])]
        on_progress(_COUNTED)
        for block, share in _blocks(len(rows), _ASKED_ROWS):
            self._known[rows[block]] = self._distances(rows[block], neighbors)
            on_progress(_COUNTED + share * (1 - _COUNTED))
        self._asked_from = distance

    def _maybe_far(self, distance: float, neighbors: int) -> _Rows:
        """Rows in spatial order: all points that are farther than `distance`, and some others.

        Most points are near: enough others are in the cells around them, or beside them in memory.
        """
        cells = PointCells(self._points, longest_within(distance) * (1 - _ROUNDING))
        rows = np.flatnonzero((cells.counts_around() <= neighbors) | cells.is_outside)
        near = self._counts_in_window(rows, distance * (1 - _ROUNDING)) >= neighbors
        return rows[~near]

    def _counts_in_window(self, rows: _Rows, distance: float) -> NDArray[np.int64]:
        """How many of the points beside those at `rows` in memory are within `distance`."""
        counts = np.zeros(len(rows), np.int64)
        points = self._points[rows].astype(np.float64)
        for step in (*range(-_WINDOW, 0), *range(1, _WINDOW + 1)):
            others = rows + step
            exists = (others >= 0) & (others < len(self))
            apart = self._points[np.where(exists, others, 0)] - points
            counts += exists & (np.einsum("ij,ij->i", apart, apart) <= distance * distance)
        return counts

    def _distances(self, rows: _Rows, neighbors: int) -> NDArray[np.float64]:
        """Those of the points at `rows` to their k-th nearest; infinity if there are fewer."""
        found = (self._tree.find_n(p, neighbors + 1) for p in self._points[rows].tolist())
        return np.array([near[-1][2] if len(near) > neighbors else np.inf for near in found])


def far_from_others(
    positions: _Positions,
    times_typical: float,
    neighbors: int,
    on_progress: OnProgress = ignore_progress,
) -> _Mask:
    """[N], which points are farther from their k-th nearest other point than is typical.

    Args:
        times_typical: how many times the median of that distance.
        neighbors: k. Groups of up to k points count as far too.
        on_progress: told the share that is done; what it raises ends the search.

    Points that are not finite are far.
    """
    finite: _Mask = np.logical_and.reduce(np.isfinite(positions), axis=1)
    far = ~finite
    if np.count_nonzero(finite) > neighbors:
        search = _kept.search(np.ascontiguousarray(positions[finite], np.float32), on_progress)
        with search.lock:
            limit = times_typical * search.typical_distance(neighbors)
            if limit > 0:
                far[finite] = search.farther_than(limit, neighbors, on_progress)
    on_progress(1.0)
    return far


class _KeptSearches:
    """The last searches, by what they search; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._searches: dict[bytes, NeighborSearch] = {}  # the last used one last

    def search(self, positions: _Positions, on_progress: OnProgress) -> NeighborSearch:
        key = hashlib.blake2b(positions.tobytes(), digest_size=16).digest()
        with self._lock:
            found = self._searches.get(key)
        found = NeighborSearch(positions, on_progress) if found is None else found
        with self._lock:
            self._searches.pop(key, None)
            self._searches[key] = found
            while sum(map(len, self._searches.values())) > _KEPT_POINTS and len(self._searches) > 1:
                del self._searches[next(iter(self._searches))]
        return found


_kept = _KeptSearches()


def _blocks(count: int, size: int) -> Iterator[tuple[slice, float]]:
    """Slices of `size` rows, and the share of `count` that is done after each."""
    for start in range(0, count, size):
        end = min(start + size, count)
        yield slice(start, end), end / count
