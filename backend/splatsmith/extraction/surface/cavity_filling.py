"""Fill free space that cannot be reached from outside the object.

This removes hollows visible only through gaps, the inner shells of double-walled objects and, on
demand, cavities that open only towards the ground. Reachability is computed in cells of two voxels:
a gap between two Gaussians is no passage.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from ...gaussians.numba_jit import Integers, jit
from ..array_types import Mask
from .sparse_volume import (
    BLOCK_SIZE,
    INSIDE,
    OUTSIDE,
    SparseVolume,
    VolumeArrays,
    allocate_uniform_blocks,
)

_CELL = 2  # voxels along a cell's edge
_CELLS = BLOCK_SIZE // _CELL  # along a block's edge
_FREE_DISTANCE = np.float32(0.3)  # least distance in a free cell: narrower is no passage
_RIM_SHARE = 0.03  # of the height: how uneven the rim that stands on the ground may be
_STRAY_SHARE = 1e-3  # of all inside voxels: rows at the bottom with fewer are ignored
_WALL_CELLS = 2  # between the free cells of a cavity and its wall
_FILLED = np.float32(-1)


def fill_cavities(
    volume: SparseVolume, close_bottom: bool, filled: Mask | None = None
) -> SparseVolume:
    """Make inside what cannot be reached from outside; +Y is up.

    Args:
        close_bottom: treat the ground under the object as closed.
        filled: [cx, cy, cz] cells that are filled although they can be reached.
    """
    free = np.empty(tuple(_CELLS * n for n in volume.index.shape), np.bool_)
    _find_free_cells(volume.arrays, free)
    with ThreadPoolExecutor(1) as executor:
        unreachable = executor.submit(_unreachable, free)
        above = _unreachable_above_ground(free, _inside_per_row(volume)) if close_bottom else False
        cavities = unreachable.result() | above
    if filled is not None:
        cavities |= filled
    if not cavities.any():
        return volume
    cavities = _grow_to_walls(cavities, free & ~cavities)
    blocks = cavities.reshape([n for blocks in volume.index.shape for n in (blocks, _CELLS)]).any(
        axis=(1, 3, 5)
    )
    volume = allocate_uniform_blocks(volume, blocks & (volume.index == OUTSIDE))
    _fill(volume.arrays, cavities)
    return allocate_uniform_blocks(volume, np.zeros(blocks.shape, np.bool_))


def _unreachable(free: Mask) -> Mask:
    """The free cells that are not connected to the one in the upper corner."""
    unreachable = free.copy()
    if free[0, -1, 0]:
        _flood_clear(unreachable, 0, free.shape[1] - 1, 0)
    return unreachable


@jit()
def _flood_clear(cells: Mask, x: int, y: int, z: int) -> None:
    """Scanline flood fill along z: clear all set cells that are connected to (x, y, z)."""
    nx, ny, nz = cells.shape
    stack = [(x, y, z)]
    while stack:
        x, y, z = stack.pop()
        if not cells[x, y, z]:
            continue
        first, last = z, z
        while first > 0 and cells[x, y, first - 1]:
            first -= 1
        while last + 1 < nz and cells[x, y, last + 1]:
            last += 1
        cells[x, y, first : last + 1] = False
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            i, j = x + dx, y + dy
            if not (0 <= i < nx and 0 <= j < ny):
                continue
            for k in range(first, last + 1):
                if cells[i, j, k] and (k == first or not cells[i, j, k - 1]):
                    stack.append((i, j, k))


def _unreachable_above_ground(free: Mask, inside_per_row: Integers) -> Mask:
    """The free cells that cannot be reached if the ground, under the lowest voxels, is closed."""
    standing = np.flatnonzero(inside_per_row > _STRAY_SHARE * inside_per_row.sum())
    if not len(standing):
        return np.zeros_like(free)
    height = standing[-1] - standing[0]
    ground = int(standing[0]) // _CELL
    rim_top = ground + max(2, round(_RIM_SHARE * height / _CELL))
    above = free.copy()
    above[:, :rim_top] = False
    unreachable = _unreachable(above)
    for row in range(rim_top - 1, ground - 1, -1):
        unreachable[:, row] = free[:, row] & unreachable[:, row + 1]
    return unreachable


def _grow_to_walls(cavities: Mask, outside: Mask) -> Mask:
    """Dilate both alternately: cells that are not free go to the nearer of cavity and outside."""
    for _ in range(_WALL_CELLS):
        outside = dilated(outside) & ~cavities
        cavities = dilated(cavities) & ~outside
    return cavities


@jit(parallel=True)
def dilated(cells: Mask) -> Mask:
    """Dilation by the six face neighbours."""
    out = cells.copy()
    nx, ny, nz = cells.shape
    for x in numba.prange(nx):
        for y in range(ny):
            for z in range(nz):
                out[x, y, z] = (
                    cells[x, y, z]
                    or (x > 0 and cells[x - 1, y, z])
                    or (x + 1 < nx and cells[x + 1, y, z])
                    or (y > 0 and cells[x, y - 1, z])
                    or (y + 1 < ny and cells[x, y + 1, z])
                    or (z > 0 and cells[x, y, z - 1])
                    or (z + 1 < nz and cells[x, y, z + 1])
                )
    return out


def _inside_per_row(volume: SparseVolume) -> Integers:
    """Number of inside voxels at each height."""
    rows = np.repeat((volume.index == INSIDE).sum(axis=(0, 2)) * BLOCK_SIZE**2, BLOCK_SIZE)
    inside = (volume.values < 0).sum(axis=(1, 3))  # [M, BLOCK_SIZE]
    np.add.at(rows, volume.coords[:, 1, None] * BLOCK_SIZE + np.arange(BLOCK_SIZE), inside)
    return rows


@jit(parallel=True)
def _find_free_cells(volume: VolumeArrays, free: Mask) -> None:
    for x in numba.prange(free.shape[0]):
        for y in range(free.shape[1]):
            for z in range(free.shape[2]):
                block = volume.index[x // _CELLS, y // _CELLS, z // _CELLS]
                if block < 0:
                    free[x, y, z] = block == OUTSIDE
                    continue
                i, j, k = _CELL * (x % _CELLS), _CELL * (y % _CELLS), _CELL * (z % _CELLS)
                least = volume.values[block, i, j, k]
                for corner in range(1, 8):
                    di, dj, dk = corner & 1, corner >> 1 & 1, corner >> 2
                    least = min(least, volume.values[block, i + di, j + dj, k + dk])
                free[x, y, z] = least >= _FREE_DISTANCE


@jit(parallel=True)
def _fill(volume: VolumeArrays, cavities: Mask) -> None:
    """Make the voxels of `cavities` inside."""
    coords, values = volume.coords, volume.values
    for block in numba.prange(len(coords)):
        x, y, z = coords[block, 0], coords[block, 1], coords[block, 2]
        for i in range(BLOCK_SIZE):
            for j in range(BLOCK_SIZE):
                for k in range(BLOCK_SIZE):
                    cell_x, cell_y = x * _CELLS + i // _CELL, y * _CELLS + j // _CELL
                    if cavities[cell_x, cell_y, z * _CELLS + k // _CELL]:
                        values[block, i, j, k] = min(values[block, i, j, k], _FILLED)
