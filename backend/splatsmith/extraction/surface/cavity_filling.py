"""Free space that cannot be reached from outside is filled: what surrounds it is solid.

So go hollows that look out through chinks, the inner shells of objects made of two layers, and, on
demand, what only opens towards the ground on which the object stands. Passages are followed in
cells of two voxels, since a chink between two Gaussians is no passage.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from ...gaussians.numba_jit import Floats, Integers, jit
from .sparse_volume import BLOCK_SIZE, INSIDE, OUTSIDE, Indices, Mask, SparseVolume, split

_CELL = 2  # voxels
_CELLS = BLOCK_SIZE // _CELL  # along a block's edge
_ROOM = np.float32(0.3)  # distance at which a cell is free: what is narrower is no passage
_HEM = 0.03  # of the height: how uneven the rim may be that stands on the ground
_STRAY = 1e-3  # of all inside voxels: rows with fewer, at the bottom, are strays
_LINING = 2  # cells between the free ones of a cavity and its wall
_FILLED = np.float32(-1)

Field = tuple[Indices, Indices, Floats]  # index, places and values of a volume


def fill_cavities(volume: SparseVolume, close_bottom: bool) -> SparseVolume:
    """The volume with all made inside that cannot be reached from outside; +Y is up.

    Args:
        close_bottom: whether the outside ends at the ground.
    """
    free = np.empty(tuple(_CELLS * n for n in volume.index.shape), np.bool_)
    _find_free_cells((volume.index, volume.places, volume.values), free)
    with ThreadPoolExecutor(1) as beside:
        cut_off = beside.submit(_enclosed, free)
        above = _enclosed_by_ground(free, _inside_by_row(volume)) if close_bottom else False
        cavities = cut_off.result() | above
    if not cavities.any():
        return volume
    cavities = _with_lining(cavities, free & ~cavities)
    blocks = cavities.reshape([n for blocks in volume.index.shape for n in (blocks, _CELLS)]).any(
        axis=(1, 3, 5)
    )
    volume = split(volume, blocks & (volume.index == OUTSIDE))
    _fill((volume.index, volume.places, volume.values), cavities)
    return split(volume, np.zeros(blocks.shape, np.bool_))


def _enclosed(free: Mask) -> Mask:
    """The free cells that are not connected with the one in the upper corner."""
    enclosed = free.copy()
    if free[0, -1, 0]:
        _drain(enclosed, (0, free.shape[1] - 1, 0))
    return enclosed


@jit()
def _drain(cells: Mask, start: tuple[int, int, int]) -> None:
    """Unset all cells that are connected with a set one, a run along z at a time."""
    across, up, along = cells.shape
    waiting = [start]
    while waiting:
        x, y, z = waiting.pop()
        if not cells[x, y, z]:
            continue
        first, last = z, z
        while first > 0 and cells[x, y, first - 1]:
            first -= 1
        while last + 1 < along and cells[x, y, last + 1]:
            last += 1
        cells[x, y, first : last + 1] = False
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            i, j = x + dx, y + dy
            if not (0 <= i < across and 0 <= j < up):
                continue
            for k in range(first, last + 1):
                if cells[i, j, k] and (k == first or not cells[i, j, k - 1]):
                    waiting.append((i, j, k))


def _enclosed_by_ground(free: Mask, rows: Integers) -> Mask:
    """The free cells that are cut off if the outside ends at the lowest of the voxels' rows."""
    standing = np.flatnonzero(rows > _STRAY * rows.sum())
    if not len(standing):
        return np.zeros_like(free)
    height = standing[-1] - standing[0]
    ground = int(standing[0]) // _CELL
    hem = ground + max(2, round(_HEM * height / _CELL))
    above = free.copy()
    above[:, :hem] = False
    enclosed = _enclosed(above)
    for row in range(hem - 1, ground - 1, -1):
        enclosed[:, row] = free[:, row] & enclosed[:, row + 1]
    return enclosed


def _with_lining(cavities: Mask, outside: Mask) -> Mask:
    """The cavities, grown into cells that are neither free nor nearer to the outside."""
    for _ in range(_LINING):
        outside = _grown(outside) & ~cavities
        cavities = _grown(cavities) & ~outside
    return cavities


@jit(parallel=True)
def _grown(cells: Mask) -> Mask:
    """With all cells that share a side with one of `cells`."""
    out = cells.copy()
    across, up, along = cells.shape
    for x in numba.prange(across):
        for y in range(up):
            for z in range(along):
                out[x, y, z] = (
                    cells[x, y, z]
                    or (x > 0 and cells[x - 1, y, z])
                    or (x + 1 < across and cells[x + 1, y, z])
                    or (y > 0 and cells[x, y - 1, z])
                    or (y + 1 < up and cells[x, y + 1, z])
                    or (z > 0 and cells[x, y, z - 1])
                    or (z + 1 < along and cells[x, y, z + 1])
                )
    return out


def _inside_by_row(volume: SparseVolume) -> Integers:
    """How many voxels of each row along y are inside."""
    rows = np.repeat((volume.index == INSIDE).sum(axis=(0, 2)) * BLOCK_SIZE**2, BLOCK_SIZE)
    inside = (volume.values < 0).sum(axis=(1, 3))  # [M, SIDE]
    np.add.at(rows, volume.places[:, 1, None] * BLOCK_SIZE + np.arange(BLOCK_SIZE), inside)
    return rows


@jit(parallel=True)
def _find_free_cells(field: Field, free: Mask) -> None:
    index, _, values = field
    for x in numba.prange(free.shape[0]):
        for y in range(free.shape[1]):
            for z in range(free.shape[2]):
                block = index[x // _CELLS, y // _CELLS, z // _CELLS]
                if block < 0:
                    free[x, y, z] = block == OUTSIDE
                    continue
                i, j, k = _CELL * (x % _CELLS), _CELL * (y % _CELLS), _CELL * (z % _CELLS)
                least = values[block, i, j, k]
                for corner in range(1, 8):
                    di, dj, dk = corner & 1, corner >> 1 & 1, corner >> 2
                    least = min(least, values[block, i + di, j + dj, k + dk])
                free[x, y, z] = least >= _ROOM


@jit(parallel=True)
def _fill(field: Field, cavities: Mask) -> None:
    """Make the voxels of `cavities` inside."""
    _, places, values = field
    for b in numba.prange(len(places)):
        for i in range(BLOCK_SIZE):
            for j in range(BLOCK_SIZE):
                for k in range(BLOCK_SIZE):
                    x, y, z = places[b, 0] * _CELLS, places[b, 1] * _CELLS, places[b, 2] * _CELLS
                    if cavities[x + i // _CELL, y + j // _CELL, z + k // _CELL]:
                        values[b, i, j, k] = min(values[b, i, j, k], _FILLED)
