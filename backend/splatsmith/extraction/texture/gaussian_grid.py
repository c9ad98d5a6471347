"""Gaussians listed by the cells of grids that they reach into, the larger ones in coarser grids.

Each grid halves the cells of the one before. A Gaussian stands in the finest grid whose cells are
at least as wide as its reach, so that it takes a few entries however large it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...contract.cloud import GaussianCloud
from ...contract.transform import rotation_matrices
from ...gaussians.numba_jit import Floats, Integers, jit
from ..surface.adjacency import Indices

FAINTEST = 0.02  # alpha that a Gaussian is followed out to

_EXTENT = 1.0  # grids span the cube [-1, 1]^3; what is outside counts to its border cells
_FINEST = 8  # the finest grid has 2^8 cells a side
_SORTING = 64  # cells a side that Gaussians are kept in the order of
_TYPICAL = 0.5  # quantile of the reaches for which the finest grid in use is made
_LEAST_SCALE = 1e-5  # flatter Gaussians are counted this thick, so that their inverse is finite


@dataclass(frozen=True)
class GaussianGrid:
    """N Gaussians that can be seen.

    Attributes:
        means, reaches: [N, 3]; beyond mean +- reach a Gaussian is fainter than FAINTEST.
        shapes: [N, 3, 3]; shapes[i] @ (p - means[i]) is the place of p in standard deviations.
        kept: [N] which of the cloud's Gaussians they are.
        lists: which Gaussians reach into which cell, for `candidates`.
    """

    means: Floats
    reaches: Floats
    shapes: Floats
    kept: Integers
    lists: Lists

    @staticmethod
    def of(cloud: GaussianCloud) -> GaussianGrid:
        """The grid of a cloud in the unit sphere."""
        kept = _by_place(cloud, np.flatnonzero(cloud.opacities > FAINTEST))
        scales = np.maximum(cloud.scales[kept], np.float32(_LEAST_SCALE))
        axes = rotation_matrices(cloud.quats[kept])
        sigmas = np.sqrt(np.einsum("nij,nj->ni", axes * axes, scales * scales))
        far = np.sqrt(2 * np.log(cloud.opacities[kept] / np.float32(FAINTEST)))
        reaches = (sigmas * far[:, None]).astype(np.float32)
        shapes = (axes.transpose(0, 2, 1) / scales[:, :, None]).astype(np.float32, order="C")
        finest, level = _choose_levels(reaches.max(axis=1, initial=0))
        sides = 1 << np.arange(finest, -1, -1, dtype=np.int64)
        levels = np.stack([sides, np.cumsum(sides**3) - sides**3], axis=1)
        means = np.ascontiguousarray(cloud.means[kept])
        lists = (levels, *_list(means, reaches, level, levels))
        return GaussianGrid(means, reaches, shapes, kept, lists)


# levels [L, 2]: of each grid the cells a side, and the place of its first cell in starts;
# starts [cells + 1] and members: those of a cell are members[starts[cell]:starts[cell + 1]].
Lists = tuple[Integers, Indices, Indices]


def _by_place(cloud: GaussianCloud, kept: Integers) -> Integers:
    """Those `kept`, sorted so that what lies together is read together."""
    place = np.clip((cloud.means[kept] + _EXTENT) * (_SORTING / 2 / _EXTENT), 0, _SORTING - 1)
    x, y, z = place.astype(np.int64).T
    return kept[np.argsort((x * _SORTING + y) * _SORTING + z, kind="stable")]


def _choose_levels(reaches: Floats) -> tuple[int, Integers]:
    """The exponent of the finest grid in use, and the grid [N] of every Gaussian, 0 the finest."""
    wanted = np.floor(np.log2(2 * _EXTENT / np.maximum(reaches, 1e-9)))
    finest = int(np.clip(np.quantile(wanted, _TYPICAL), 0, _FINEST)) if len(wanted) else 0
    return finest, (finest - np.clip(wanted, 0, finest)).astype(np.int64)


@jit()
def _cell(coordinate: np.float32, cells: int) -> int:
    """The cell along one axis, of `cells`."""
    place = np.floor((coordinate + np.float32(_EXTENT)) * np.float32(0.5 / _EXTENT) * cells)
    return int(min(max(place, 0), cells - 1))


@jit()
def _range(low: Floats, high: Floats, cells: int) -> tuple[int, int, int, int, int, int]:
    """The cells that a box lies in: first and one past the last along each axis."""
    return (
        _cell(low[0], cells),
        _cell(high[0], cells) + 1,
        _cell(low[1], cells),
        _cell(high[1], cells) + 1,
        _cell(low[2], cells),
        _cell(high[2], cells) + 1,
    )


@jit()
def _list(
    means: Floats, reaches: Floats, level: Integers, levels: Integers
) -> tuple[Indices, Indices]:
    last = levels[len(levels) - 1]
    # One place more than needed: filling moves every start to its cell's end, the next one's start.
    ends = np.zeros(last[1] + last[0] ** 3 + 2, np.int32)
    members = np.empty(0, np.int32)
    for filling in range(2):
        for i in range(len(means)):
            cells, first = levels[level[i]]
            x0, x1, y0, y1, z0, z1 = _range(means[i] - reaches[i], means[i] + reaches[i], cells)
            for x in range(x0, x1):
                for y in range(y0, y1):
                    for z in range(z0, z1):
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
def candidates(lists: Lists, means: Floats, reaches: Floats, low: Floats, high: Floats) -> Integers:
    """The Gaussians whose boxes touch the box from `low` to `high`, each once."""
    levels, starts, members = lists
    found = np.empty(64, np.int64)
    count = 0
    for cells, first in levels:
        x0, x1, y0, y1, z0, z1 = _range(low, high, cells)
        for x in range(x0, x1):
            for y in range(y0, y1):
                for z in range(z0, z1):
                    cell = first + (x * cells + y) * cells + z
                    for k in range(starts[cell], starts[cell + 1]):
                        i = members[k]
                        # Of the cells that both boxes lie in, only the first one answers.
                        if (
                            _first(low[0], means[i, 0], reaches[i, 0], high[0], cells) == x
                            and _first(low[1], means[i, 1], reaches[i, 1], high[1], cells) == y
                            and _first(low[2], means[i, 2], reaches[i, 2], high[2], cells) == z
                        ):
                            if count == len(found):
                                found = np.concatenate((found, np.empty(count, np.int64)))
                            found[count] = i
                            count += 1
    return found[:count]


@jit()
def _first(
    low: np.float32, mean: np.float32, reach: np.float32, high: np.float32, cells: int
) -> int:
    """The first cell along one axis of where a Gaussian and a range overlap; -1 if nowhere."""
    if mean + reach < low or mean - reach > high:
        return -1
    return _cell(max(low, mean - reach), cells)
