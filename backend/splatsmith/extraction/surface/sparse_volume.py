"""A field over space in small blocks of voxels, kept only where its surface may be.

Everywhere else one number stands for a whole block, so that memory grows with the surface and not
with the volume (Niessner et al. 2013, "Real-time 3D reconstruction at scale using voxel hashing").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit

BLOCK_SIZE = 8  # voxels along a block's edge
OUTSIDE, INSIDE, UNKNOWN = -1, -2, -3  # blocks without voxels of their own

Indices = NDArray[np.int32]
Mask = NDArray[np.bool_]
Fill = Callable[[NDArray[np.int32], NDArray[np.int32]], NDArray[np.float32]]

_NAN, _ONE = np.float32(np.nan), np.float32(1)
_THIN = np.float32(-0.02)  # inside, but barely


@dataclass(frozen=True)
class VoxelGrid:
    """Where the voxels are: voxel (i, j, k) lies at origin + voxel * (i, j, k).

    Attributes:
        origin: [3], in the unit sphere's frame.
        voxel: the distance between neighbours.
        blocks: how many along x, y and z.
    """

    origin: NDArray[np.float32]
    voxel: float
    blocks: tuple[int, int, int]

    @classmethod
    def around(cls, reach: float, voxel: float, through: NDArray[np.float32]) -> VoxelGrid:
        """Over the cube [-reach, reach]^3 and some room, a voxel lying at the point `through`."""
        edge = BLOCK_SIZE * voxel
        before = np.ceil((reach + through) / edge).astype(int) + 1
        after = np.ceil((reach - through) / edge).astype(int) + 1
        across, up, along = (before + after).tolist()
        return cls((through - before * edge).astype(np.float32), voxel, (across, up, along))

    def column(self, x: float) -> int:
        """The voxels' column nearest to the plane at `x`."""
        return round((x - float(self.origin[0])) / self.voxel)


@dataclass(frozen=True)
class SparseVolume:
    """Distances of -1 to 1, in units of some band, negative inside; NaN where nothing is known.

    Attributes:
        index: [bx, by, bz] the number of each block, or OUTSIDE, INSIDE or UNKNOWN.
        places: [M, 3] where each numbered block is.
        values: [M, SIDE, SIDE, SIDE].
    """

    lattice: VoxelGrid
    index: Indices
    places: Indices
    values: NDArray[np.float32]


def uniform_volume(lattice: VoxelGrid, index: Indices) -> SparseVolume:
    """A volume whose blocks are OUTSIDE, INSIDE or UNKNOWN as a whole, the rim all outside."""
    for rim in (index[0], index[-1], index[:, 0], index[:, -1], index[..., 0], index[..., -1]):
        rim[:] = OUTSIDE
    voxels = np.zeros((0, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE), np.float32)
    return SparseVolume(lattice, index, np.zeros((0, 3), np.int32), voxels)


def allocate_blocks(volume: SparseVolume, wanted: Mask, fill: Fill) -> SparseVolume:
    """Give the `wanted` blocks [bx, by, bz] voxels, and all that their surface runs into.

    Args:
        wanted: changed, as the volume's index is.
        fill: the values [m, SIDE, SIDE, SIDE] of new blocks, from their places [m, 3] and what they
            were [m].
    """
    index, places, values = volume.index, volume.places, volume.values
    _mark_borders(wanted, index)
    while (wanted & (index < 0)).any():
        new = np.argwhere(wanted & (index < 0)).astype(np.int32)
        filled = fill(new, index[tuple(new.T)])
        filled[((new == 0) | (new == np.array(index.shape) - 1)).any(axis=1)] = 1
        index[tuple(new.T)] = np.arange(len(places), len(places) + len(new))
        places = np.concatenate([places, new])
        values = np.concatenate([values, filled])
        _mark_cut_off(wanted, index, places, values)
    return SparseVolume(volume.lattice, index, places, values)


def split(volume: SparseVolume, wanted: Mask) -> SparseVolume:
    """With voxels, all alike, in the `wanted` blocks and wherever the surface runs between two."""

    def constant(_places: Indices, codes: Indices) -> Floats:
        whole = np.array([np.nan, -1, 1], np.float32)[codes - UNKNOWN]
        return np.repeat(whole, BLOCK_SIZE**3).reshape(-1, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE)

    _mark_cut_off(wanted, volume.index, volume.places, volume.values)
    return allocate_blocks(volume, wanted, constant)


@jit()
def value_at(index: Indices, values: Floats, x: int, y: int, z: int) -> np.float32:
    """The value of voxel (x, y, z); beyond the lattice is the outside."""
    bx, by, bz = x >> 3, y >> 3, z >> 3
    if not (0 <= bx < index.shape[0] and 0 <= by < index.shape[1] and 0 <= bz < index.shape[2]):
        return _ONE
    block = index[bx, by, bz]
    if block >= 0:
        return values[block, x & 7, y & 7, z & 7]
    if block == OUTSIDE:
        return _ONE
    return -_ONE if block == INSIDE else _NAN


@jit()
def gather_neighborhood(
    index: Indices, values: Floats, place: Indices, low: int, local: Floats
) -> None:
    """Fill local [n, n, n] with the voxels from `low` on, counted from the block's first."""
    n = local.shape[0]
    x, y, z = place[0] * BLOCK_SIZE + low, place[1] * BLOCK_SIZE + low, place[2] * BLOCK_SIZE + low
    for i in range(n):
        for j in range(n):
            for k in range(n):
                local[i, j, k] = value_at(index, values, x + i, y + j, z + k)


@jit()
def _mark_borders(wanted: Mask, index: Indices) -> None:
    """Mark blocks between outside and inside: the surface runs there, seen or not."""
    across, up, along = index.shape
    for x in range(across - 1):
        for y in range(up - 1):
            for z in range(along - 1):
                some_outside, some_inside = False, False
                for corner in range(8):
                    code = index[x + (corner & 1), y + (corner >> 1 & 1), z + (corner >> 2)]
                    some_outside |= code == OUTSIDE
                    some_inside |= code == INSIDE
                if some_outside and some_inside:
                    for corner in range(8):
                        wanted[x + (corner & 1), y + (corner >> 1 & 1), z + (corner >> 2)] = True


@jit(parallel=True)
def _mark_cut_off(wanted: Mask, index: Indices, places: Indices, values: Floats) -> None:
    """Mark blocks without voxels that share a cell of mixed signs with a block that has them."""
    across, up, along = index.shape
    for b in numba.prange(len(places)):
        place = places[b]
        for neighbour in range(27):
            dx, dy, dz = neighbour // 9 - 1, neighbour // 3 % 3 - 1, neighbour % 3 - 1
            x, y, z = place[0] + dx, place[1] + dy, place[2] + dz
            if not (0 <= x < across and 0 <= y < up and 0 <= z < along) or index[x, y, z] >= 0:
                continue
            if index[x, y, z] == UNKNOWN:
                continue
            beyond = _ONE if index[x, y, z] == OUTSIDE else -_ONE
            if _facing_side_differs(values[b], (dx, dy, dz), beyond):
                wanted[x, y, z] = True


@jit()
def _facing_side_differs(block: Floats, side: tuple[int, int, int], beyond: np.float32) -> bool:
    """Whether a voxel at the face, edge or corner towards `side` has another sign."""
    for i in range(*_span(side[0])):
        for j in range(*_span(side[1])):
            for k in range(*_span(side[2])):
                if block[i, j, k] * beyond < 0:
                    return True
    return False


@jit()
def _span(side: int) -> tuple[int, int]:
    if side == 0:
        return 0, BLOCK_SIZE
    return (BLOCK_SIZE - 1, BLOCK_SIZE) if side > 0 else (0, 1)


def smooth_volume(volume: SparseVolume) -> SparseVolume:
    """Every value blended with its neighbours', 1-2-1 along each axis; unknown ones left out.

    What is inside stays inside: a sheet is often no thicker than a voxel.
    """
    values = np.empty_like(volume.values)
    _smooth(volume.index, volume.places, volume.values, values)
    return replace(volume, values=values)


@jit(parallel=True)
def _smooth(index: Indices, places: Indices, values: Floats, out: Floats) -> None:
    for b in numba.prange(len(places)):
        local = np.empty((BLOCK_SIZE + 2, BLOCK_SIZE + 2, BLOCK_SIZE + 2), np.float32)
        gather_neighborhood(index, values, places[b], -1, local)
        for i in range(BLOCK_SIZE):
            for j in range(BLOCK_SIZE):
                for k in range(BLOCK_SIZE):
                    out[b, i, j, k] = _blend(local, i + 1, j + 1, k + 1)


@jit()
def _blend(local: Floats, i: int, j: int, k: int) -> np.float32:
    here = local[i, j, k]
    total, weight = np.float32(0), np.float32(0)
    for di in range(-1, 2):
        for dj in range(-1, 2):
            for dk in range(-1, 2):
                value = local[i + di, j + dj, k + dk]
                share = np.float32((2 - abs(di)) * (2 - abs(dj)) * (2 - abs(dk)))
                if not np.isnan(value):
                    total += share * value
                    weight += share
    if np.isnan(here):
        return here
    return min(total / weight, _THIN) if here < 0 else total / weight
