"""A sparse volume of signed distances: blocks of voxels, allocated only around the surface.

Every other block is wholly outside, inside or unknown, so that memory grows with the area of the
surface (Niessner et al. 2013, "Real-time 3D reconstruction at scale using voxel hashing").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from ..array_types import Indices, Mask

BLOCK_SIZE = 8  # voxels along a block's edge
OUTSIDE, INSIDE, UNKNOWN = -1, -2, -3  # blocks without voxels of their own

# Values [M, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE] of new blocks, from their coordinates [M, 3] and
# what they were before: OUTSIDE, INSIDE or UNKNOWN [M].
FillBlocks = Callable[[Indices, Indices], Floats]

_NAN, _ONE = np.float32(np.nan), np.float32(1)
_BARELY_INSIDE = np.float32(-0.02)


class GridFrame(NamedTuple):
    """A voxel grid's place in space, as compiled loops take it."""

    origin: Floats  # [3]
    voxel_size: np.float32


@dataclass(frozen=True)
class VoxelGrid:
    """Voxel (i, j, k) lies at origin + voxel_size * (i, j, k).

    Attributes:
        origin: [3], in the unit sphere's frame.
        voxel_size: distance between neighbours.
        blocks: number of blocks along x, y and z.
    """

    origin: NDArray[np.float32]
    voxel_size: float
    blocks: tuple[int, int, int]

    @classmethod
    def covering(cls, reach: float, voxel_size: float, through: NDArray[np.float32]) -> VoxelGrid:
        """Over the cube [-reach, reach]^3 and a margin, with a voxel exactly at `through` [3]."""
        edge = BLOCK_SIZE * voxel_size
        before = np.ceil((reach + through) / edge).astype(int) + 1
        after = np.ceil((reach - through) / edge).astype(int) + 1
        nx, ny, nz = (before + after).tolist()
        return cls((through - before * edge).astype(np.float32), voxel_size, (nx, ny, nz))

    @property
    def frame(self) -> GridFrame:
        return GridFrame(self.origin, np.float32(self.voxel_size))

    def column(self, x: float) -> int:
        """Index along x of the voxels nearest to the plane at `x`."""
        return round((x - float(self.origin[0])) / self.voxel_size)


class VolumeArrays(NamedTuple):
    """A sparse volume as compiled loops take it; see `SparseVolume`."""

    index: Indices
    coords: Indices
    values: Floats


@dataclass(frozen=True)
class SparseVolume:
    """Truncated signed distances, -1 to 1, negative inside; NaN where unknown.

    Attributes:
        index: [bx, by, bz] each block's number, or OUTSIDE, INSIDE or UNKNOWN.
        coords: [M, 3] coordinates of the numbered blocks.
        values: [M, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE].
    """

    grid: VoxelGrid
    index: Indices
    coords: Indices
    values: NDArray[np.float32]

    @property
    def arrays(self) -> VolumeArrays:
        return VolumeArrays(self.index, self.coords, self.values)


def uniform_volume(grid: VoxelGrid, index: Indices) -> SparseVolume:
    """A volume of uniform blocks, by their codes; the border of `index` is set OUTSIDE."""
    for border in (index[0], index[-1], index[:, 0], index[:, -1], index[..., 0], index[..., -1]):
        border[:] = OUTSIDE
    voxels = np.zeros((0, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE), np.float32)
    return SparseVolume(grid, index, np.zeros((0, 3), np.int32), voxels)


def allocate_blocks(volume: SparseVolume, requested: Mask, fill: FillBlocks) -> SparseVolume:
    """Give voxels to the `requested` blocks [bx, by, bz] and to all that their surface runs into.

    `requested` and the index of `volume` are changed in place.
    """
    index, coords, values = volume.index, volume.coords, volume.values
    _request_transitions(requested, index)
    while (requested & (index < 0)).any():
        new = np.argwhere(requested & (index < 0)).astype(np.int32)
        filled = fill(new, index[tuple(new.T)])
        filled[((new == 0) | (new == np.array(index.shape) - 1)).any(axis=1)] = 1
        index[tuple(new.T)] = np.arange(len(coords), len(coords) + len(new))
        coords = np.concatenate([coords, new])
        values = np.concatenate([values, filled])
        _request_sign_changes(requested, VolumeArrays(index, coords, values))
    return SparseVolume(volume.grid, index, coords, values)


def allocate_uniform_blocks(volume: SparseVolume, requested: Mask) -> SparseVolume:
    """As `allocate_blocks`, each voxel with its block's value; also wherever a sign changes."""

    def fill(_coords: Indices, codes: Indices) -> Floats:
        uniform = np.array([np.nan, -1, 1], np.float32)[codes - UNKNOWN]
        return np.repeat(uniform, BLOCK_SIZE**3).reshape(-1, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE)

    _request_sign_changes(requested, volume.arrays)
    return allocate_blocks(volume, requested, fill)


@jit()
def value_at(volume: VolumeArrays, x: int, y: int, z: int) -> np.float32:
    """The value of voxel (x, y, z); 1 beyond the grid."""
    index = volume.index
    bx, by, bz = x >> 3, y >> 3, z >> 3
    if not (0 <= bx < index.shape[0] and 0 <= by < index.shape[1] and 0 <= bz < index.shape[2]):
        return _ONE
    block = index[bx, by, bz]
    if block >= 0:
        return volume.values[block, x & 7, y & 7, z & 7]
    if block == OUTSIDE:
        return _ONE
    return -_ONE if block == INSIDE else _NAN


@jit()
def gather_neighborhood(volume: VolumeArrays, block: int, low: int, local: Floats) -> None:
    """Fill local [n, n, n] with the voxels from `low` on, relative to the block's first one."""
    n = local.shape[0]
    x = volume.coords[block, 0] * BLOCK_SIZE + low
    y = volume.coords[block, 1] * BLOCK_SIZE + low
    z = volume.coords[block, 2] * BLOCK_SIZE + low
    for i in range(n):
        for j in range(n):
            for k in range(n):
                local[i, j, k] = value_at(volume, x + i, y + j, z + k)


@jit()
def _request_transitions(requested: Mask, index: Indices) -> None:
    """Request the blocks between OUTSIDE and INSIDE ones: the surface runs there, seen or not."""
    nx, ny, nz = index.shape
    for x in range(nx - 1):
        for y in range(ny - 1):
            for z in range(nz - 1):
                any_outside, any_inside = False, False
                for corner in range(8):
                    code = index[x + (corner & 1), y + (corner >> 1 & 1), z + (corner >> 2)]
                    any_outside |= code == OUTSIDE
                    any_inside |= code == INSIDE
                if any_outside and any_inside:
                    for corner in range(8):
                        requested[x + (corner & 1), y + (corner >> 1 & 1), z + (corner >> 2)] = True


@jit(parallel=True)
def _request_sign_changes(requested: Mask, volume: VolumeArrays) -> None:
    """Request uniform blocks that share a cell of mixed signs with an allocated block."""
    index, coords, values = volume.index, volume.coords, volume.values
    nx, ny, nz = index.shape
    for block in numba.prange(len(coords)):
        for neighbor in range(27):
            dx, dy, dz = neighbor // 9 - 1, neighbor // 3 % 3 - 1, neighbor % 3 - 1
            x, y, z = coords[block, 0] + dx, coords[block, 1] + dy, coords[block, 2] + dz
            if not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz) or index[x, y, z] >= 0:
                continue
            if index[x, y, z] == UNKNOWN:
                continue
            value = _ONE if index[x, y, z] == OUTSIDE else -_ONE
            if _differs_on_side(values[block], (dx, dy, dz), value):
                requested[x, y, z] = True


@jit()
def _differs_on_side(block: Floats, side: tuple[int, int, int], value: np.float32) -> bool:
    """Whether a voxel at the face, edge or corner towards `side` has another sign than `value`."""
    for i in range(*_side_range(side[0])):
        for j in range(*_side_range(side[1])):
            for k in range(*_side_range(side[2])):
                if block[i, j, k] * value < 0:
                    return True
    return False


@jit()
def _side_range(side: int) -> tuple[int, int]:
    if side == 0:
        return 0, BLOCK_SIZE
    return (BLOCK_SIZE - 1, BLOCK_SIZE) if side > 0 else (0, 1)


def smooth_volume(volume: SparseVolume) -> SparseVolume:
    """Binomial filter, 1-2-1 along each axis, that leaves out unknown voxels.

    Inside voxels stay inside: thin sheets are often no thicker than one voxel.
    """
    values = np.empty_like(volume.values)
    _smooth(volume.arrays, values)
    return replace(volume, values=values)


@jit(parallel=True)
def _smooth(volume: VolumeArrays, out: Floats) -> None:
    for block in numba.prange(len(volume.coords)):
        local = np.empty((BLOCK_SIZE + 2, BLOCK_SIZE + 2, BLOCK_SIZE + 2), np.float32)
        gather_neighborhood(volume, block, -1, local)
        for i in range(BLOCK_SIZE):
            for j in range(BLOCK_SIZE):
                for k in range(BLOCK_SIZE):
                    out[block, i, j, k] = _binomial_mean(local, i + 1, j + 1, k + 1)


@jit()
def _binomial_mean(local: Floats, i: int, j: int, k: int) -> np.float32:
    center = local[i, j, k]
    total, weight = np.float32(0), np.float32(0)
    for di in range(-1, 2):
        for dj in range(-1, 2):
            for dk in range(-1, 2):
                value = local[i + di, j + dj, k + dk]
                share = np.float32((2 - abs(di)) * (2 - abs(dj)) * (2 - abs(dk)))
                if not np.isnan(value):
                    total += share * value
                    weight += share
    if np.isnan(center):
        return center
    return min(total / weight, _BARELY_INSIDE) if center < 0 else total / weight
