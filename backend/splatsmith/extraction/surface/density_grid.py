"""Surfaces of clouds too translucent for depth maps, such as smoke or hair: a level set of density.

Gaussians are summed on the grid as in DreamGaussian (Tang et al. 2023), but in sparse blocks and at
a level taken from the cloud itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ...contract.bounds import VISIBLE_OPACITY
from ...contract.cloud import GaussianCloud
from ...contract.transform import rotation_matrices
from ...gaussians.numba_jit import Floats, Integers, jit
from ...progress import Progress
from ..array_types import Indices, Mask
from ..views.rendered_views import SURFACE_ALPHA, RenderedViews
from .sparse_volume import (
    BLOCK_SIZE,
    OUTSIDE,
    GridFrame,
    SparseVolume,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)

_SHOWN_ALPHA = 0.1
_OPAQUE_SHARE = 0.4  # of the pixels that show anything, below which depth maps are unreliable
_CUTOFF = 2.5  # standard deviations
_HAZE = 8.0  # times the median size: so large a Gaussian has no surface
_LEVEL = 0.3  # of the density's 90th percentile
_DENSE = 0.01  # density of the voxels that the percentile is taken over
_PARTS = 8  # between which summing can be cancelled

_HALF = np.float32(0.5)


class DensityGaussians(NamedTuple):
    """N Gaussians as compiled loops take them."""

    means: Floats  # [N, 3]
    precisions: Floats  # [N, 3, 3] inverse covariances
    opacities: Floats  # [N]
    extents: Floats  # [N, 3] half the bounding box at the cutoff


class _DensityBlocks(NamedTuple):
    """Blocks under summation; flat, since parallel loops take no nested tuples."""

    origin: Floats  # [3] of the grid
    voxel_size: np.float32
    index: Indices  # [bx, by, bz] number of each block, or OUTSIDE
    densities: Floats  # [M, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE]


def is_translucent(views: RenderedViews) -> bool:
    """Whether too few of the pixels that show anything are opaque enough for depths."""
    alphas = views.rendering.alphas
    shown = max(int(np.count_nonzero(alphas > _SHOWN_ALPHA)), 1)
    return bool(np.count_nonzero(alphas >= SURFACE_ALPHA) < _OPAQUE_SHARE * shown)


def density_surface(cloud: GaussianCloud, grid: VoxelGrid, progress: Progress) -> SparseVolume:
    """Volume of 1 - density / level, clipped to -1..1, of a cloud in the unit sphere.

    Raises:
        Cancelled: between two parts of the work.
    """
    gaussians = _density_gaussians(cloud)
    index = np.full(grid.blocks, OUTSIDE, np.int32)
    requested = np.zeros(grid.blocks, np.bool_)
    _request_touched(requested, grid.frame, gaussians)

    def fill(coords: Indices, _codes: Indices) -> Floats:
        densities = np.zeros((len(coords), BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE), np.float32)
        numbers = np.full(grid.blocks, OUTSIDE, np.int32)
        numbers[tuple(coords.T)] = np.arange(len(coords))
        blocks = _DensityBlocks(*grid.frame, numbers, densities)
        ends = np.linspace(0, len(gaussians.means), _PARTS + 1).astype(int)
        for i in range(_PARTS):
            progress.step(i, _PARTS)
            part = slice(ends[i], ends[i + 1])
            _add_gaussians(blocks, DensityGaussians(*(array[part] for array in gaussians)))
        dense = densities[densities > _DENSE]
        level = _LEVEL * float(np.percentile(dense, 90)) if len(dense) else 1.0
        return np.clip(1 - densities / np.float32(level), -1, 1)

    return allocate_blocks(uniform_volume(grid, index), requested, fill)


def _density_gaussians(cloud: GaussianCloud) -> DensityGaussians:
    sizes = cloud.scales.max(axis=1)
    kept = cloud.opacities > VISIBLE_OPACITY / 10
    kept &= sizes <= _HAZE * np.median(sizes)
    cloud = cloud.select(kept)
    axes = rotation_matrices(cloud.quats)
    scales = np.maximum(cloud.scales, np.maximum(0.05 * sizes[kept], 1e-6)[:, None])
    inverse = axes / scales[:, None, :]
    extents = _CUTOFF * np.sqrt(((axes * scales[:, None, :]) ** 2).sum(axis=2))
    precisions = (inverse @ inverse.transpose(0, 2, 1)).astype(np.float32)
    return DensityGaussians(cloud.means, precisions, cloud.opacities, extents.astype(np.float32))


@jit()
def _request_touched(requested: Mask, frame: GridFrame, gaussians: DensityGaussians) -> None:
    """Request the blocks that the Gaussians' boxes touch."""
    means, extents = gaussians.means, gaussians.extents
    edge = frame.voxel_size * BLOCK_SIZE
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for g in range(len(means)):
        for axis in range(3):
            center = means[g, axis] - frame.origin[axis]
            low[axis] = max(0, int(np.floor((center - extents[g, axis]) / edge)))
            last = requested.shape[axis] - 1
            high[axis] = min(last, int(np.floor((center + extents[g, axis]) / edge)))
        requested[low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1] = True


@jit(parallel=True)
def _add_gaussians(blocks: _DensityBlocks, gaussians: DensityGaussians) -> None:
    """Add the Gaussians' densities; each thread has the blocks of its own columns along x."""
    origin, voxel_size = blocks.origin, blocks.voxel_size
    shape = blocks.index.shape
    for column in numba.prange(shape[0]):
        low, high = np.empty(3, np.int64), np.empty(3, np.int64)
        for g in range(len(gaussians.means)):
            for axis in range(3):
                center = gaussians.means[g, axis] - origin[axis]
                extent = gaussians.extents[g, axis]
                last = shape[axis] * BLOCK_SIZE - 1
                low[axis] = max(0, int(np.ceil((center - extent) / voxel_size)))
                high[axis] = min(last, int(np.floor((center + extent) / voxel_size)))
            low[0] = max(low[0], column * BLOCK_SIZE)
            high[0] = min(high[0], column * BLOCK_SIZE + BLOCK_SIZE - 1)
            if low[0] <= high[0]:
                _add_gaussian(blocks, gaussians, g, low, high)


@jit()
def _add_gaussian(
    blocks: _DensityBlocks, gaussians: DensityGaussians, g: int, low: Integers, high: Integers
) -> None:
    """Add one Gaussian to the voxels from `low` to `high`, both included."""
    origin, voxel_size = blocks.origin, blocks.voxel_size
    mean, precision, opacity = gaussians.means[g], gaussians.precisions[g], gaussians.opacities[g]
    for x in range(low[0], high[0] + 1):
        dx = origin[0] + voxel_size * np.float32(x) - mean[0]
        for y in range(low[1], high[1] + 1):
            dy = origin[1] + voxel_size * np.float32(y) - mean[1]
            for z in range(low[2], high[2] + 1):
                dz = origin[2] + voxel_size * np.float32(z) - mean[2]
                block = blocks.index[x >> 3, y >> 3, z >> 3]
                if block < 0:
                    continue
                u = precision[0, 0] * dx + precision[0, 1] * dy + precision[0, 2] * dz
                v = precision[1, 0] * dx + precision[1, 1] * dy + precision[1, 2] * dz
                w = precision[2, 0] * dx + precision[2, 1] * dy + precision[2, 2] * dz
                squared = u * dx + v * dy + w * dz
                blocks.densities[block, x & 7, y & 7, z & 7] += opacity * np.exp(-_HALF * squared)
