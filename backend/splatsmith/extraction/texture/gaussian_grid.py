"""A hierarchical grid of Gaussians, for finding those near a box.

Each level halves the cells of the one before. A Gaussian is listed in the finest level whose cells
are at least as wide as its extent, so that it takes a few entries however large it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...contract.cloud import GaussianCloud
from ...contract.transform import rotation_matrices
from ...gaussians.numba_jit import Floats, Integers, jit
from ..array_types import Indices

LEAST_ALPHA = 0.02  # that a Gaussian is followed out to

_HALF_WIDTH = 1.0  # levels cover the cube [-1, 1]^3; outside counts as its border cells
_MAX_LEVEL = 8  # the finest level has at most 2^8 cells a side
_SORTING_CELLS = 64  # a side, by which Gaussians are ordered in memory
_TYPICAL_QUANTILE = 0.5  # of the extents, for which the finest level is chosen
_LEAST_SCALE = 1e-5  # flatter Gaussians are taken to be this thick, so that they are invertible


class CellLists(NamedTuple):
    """The Gaussians listed in each cell: those of cell i are members[starts[i]:starts[i + 1]].

    Attributes:
        levels: [L, 2] of each level, cells a side and number of its first cell.
        starts: [cells + 1].
        members: numbers of Gaussians.
    """

    levels: Integers
    starts: Indices
    members: Indices


class _CellRange(NamedTuple):
    """Cells from (x0, y0, z0) to before (x1, y1, z1)."""

    x0: int
    x1: int
    y0: int
    y1: int
    z0: int
    z1: int


@dataclass(frozen=True)
class GaussianGrid:
    """N visible Gaussians and the cells that they extend into.

    Attributes:
        means: [N, 3].
        extents: [N, 3] half the box outside of which a Gaussian is fainter than LEAST_ALPHA.
        whitening: [N, 3, 3]; whitening[i] @ (p - means[i]) is p in standard deviations.
        kept: [N] their indices in the cloud.
    """

    means: Floats
    extents: Floats
    whitening: Floats
    kept: Integers
    cells: CellLists

    @staticmethod
    def from_cloud(cloud: GaussianCloud) -> GaussianGrid:
        """Of a cloud in the unit sphere."""
        kept = _sorted_by_cell(cloud, np.flatnonzero(cloud.opacities > LEAST_ALPHA))
        scales = np.maximum(cloud.scales[kept], np.float32(_LEAST_SCALE))
        axes = rotation_matrices(cloud.quats[kept])
        sigmas = np.sqrt(np.einsum("nij,nj->ni", axes * axes, scales * scales))
        cutoff = np.sqrt(2 * np.log(cloud.opacities[kept] / np.float32(LEAST_ALPHA)))
        extents = (sigmas * cutoff[:, None]).astype(np.float32)
        whitening = (axes.transpose(0, 2, 1) / scales[:, :, None]).astype(np.float32, order="C")
        finest, level = _choose_levels(extents.max(axis=1, initial=0))
        sides = 1 << np.arange(finest, -1, -1, dtype=np.int64)
        levels = np.stack([sides, np.cumsum(sides**3) - sides**3], axis=1)
        means = np.ascontiguousarray(cloud.means[kept])
        cells = CellLists(levels, *_build_lists(means, extents, level, levels))
        return GaussianGrid(means, extents, whitening, kept, cells)


def _sorted_by_cell(cloud: GaussianCloud, kept: Integers) -> Integers:
    """`kept`, ordered so that neighbours in space are neighbours in memory."""
    scale = _SORTING_CELLS / 2 / _HALF_WIDTH
    place = np.clip((cloud.means[kept] + _HALF_WIDTH) * scale, 0, _SORTING_CELLS - 1)
    x, y, z = place.astype(np.int64).T
    return kept[np.argsort((x * _SORTING_CELLS + y) * _SORTING_CELLS + z, kind="stable")]


def _choose_levels(extents: Floats) -> tuple[int, Integers]:
    """Exponent of the finest level's cells a side, and the level [N] of each Gaussian, 0 finest."""
    wanted = np.floor(np.log2(2 * _HALF_WIDTH / np.maximum(extents, 1e-9)))
    typical = np.quantile(wanted, _TYPICAL_QUANTILE) if len(wanted) else 0
    finest = int(np.clip(typical, 0, _MAX_LEVEL))
    return finest, (finest - np.clip(wanted, 0, finest)).astype(np.int64)


@jit()
def _cell(coordinate: np.float32, cells: int) -> int:
    """Index along one axis, of `cells`."""
    scaled = (coordinate + np.float32(_HALF_WIDTH)) * np.float32(0.5 / _HALF_WIDTH) * cells
    return int(min(max(np.floor(scaled), 0), cells - 1))


@jit()
def _cell_range(low: Floats, high: Floats, cells: int) -> _CellRange:
    """The cells that the box from `low` to `high` touches."""
    return _CellRange(
        _cell(low[0], cells),
        _cell(high[0], cells) + 1,
        _cell(low[1], cells),
        _cell(high[1], cells) + 1,
        _cell(low[2], cells),
        _cell(high[2], cells) + 1,
    )


@jit()
def _build_lists(
    means: Floats, extents: Floats, level: Integers, levels: Integers
) -> tuple[Indices, Indices]:
    """Counting sort of the Gaussians into cells: starts and members as in `CellLists`."""
    last = levels[len(levels) - 1]
    # One more than needed: filling moves every start to its cell's end, the next one's start.
    ends = np.zeros(last[1] + last[0] ** 3 + 2, np.int32)
    members = np.empty(0, np.int32)
    for filling in range(2):
        for i in range(len(means)):
            cells, first = levels[level[i]]
            box = _cell_range(means[i] - extents[i], means[i] + extents[i], cells)
            for x in range(box.x0, box.x1):
                for y in range(box.y0, box.y1):
                    for z in range(box.z0, box.z1):
                        cell = first + (x * cells + y) * cells + z
                        if filling:
                            members[ends[cell + 1]] = i
                            ends[cell + 1] += 1
                        else:
                            ends[cell + 2] += 1
        if not filling:
            for cell in range(1, len(ends)):
                ends[cell] += ends[cell - 1]
            members = np.empty(ends[-1], np.int32)
    return ends[:-1], members


@jit()
def gaussians_in_box(
    lists: CellLists, means: Floats, extents: Floats, low: Floats, high: Floats
) -> Integers:
    """The Gaussians whose boxes overlap the box from `low` to `high`, each once."""
    found = np.empty(64, np.int64)
    count = 0
    for cells, first in lists.levels:
        box = _cell_range(low, high, cells)
        for x in range(box.x0, box.x1):
            for y in range(box.y0, box.y1):
                for z in range(box.z0, box.z1):
                    cell = first + (x * cells + y) * cells + z
                    for k in range(lists.starts[cell], lists.starts[cell + 1]):
                        i = lists.members[k]
                        # Both boxes may share several cells: only the first one counts.
                        if (
                            _first_cell(low[0], means[i, 0], extents[i, 0], high[0], cells) == x
                            and _first_cell(low[1], means[i, 1], extents[i, 1], high[1], cells) == y
                            and _first_cell(low[2], means[i, 2], extents[i, 2], high[2], cells) == z
                        ):
                            if count == len(found):
                                found = np.concatenate((found, np.empty(count, np.int64)))
                            found[count] = i
                            count += 1
    return found[:count]


@jit()
def _first_cell(
    low: np.float32, mean: np.float32, extent: np.float32, high: np.float32, cells: int
) -> int:
    """The first cell along one axis in which a Gaussian and a range overlap; -1 if nowhere."""
    if mean + extent < low or mean - extent > high:
        return -1
    return _cell(max(low, mean - extent), cells)
