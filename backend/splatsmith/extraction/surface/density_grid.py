"""The surface of clouds too faint for depths, such as smoke or hair: where they are dense enough.

Gaussians are summed up on the lattice, as in DreamGaussian (Tang et al. 2023), but in sparse blocks
and at a level taken from the cloud itself.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...contract.bounds import VISIBLE_OPACITY
from ...contract.cloud import GaussianCloud
from ...contract.transform import rotation_matrices
from ...gaussians.numba_jit import Floats, jit
from ...progress import Progress
from ..views.rendered_views import RenderedViews
from .sparse_volume import (
    BLOCK_SIZE,
    OUTSIDE,
    Indices,
    Mask,
    SparseVolume,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)

_FAINT = 0.4  # share of solid pixels, of all that show anything, below which depths are poor
_REACH = 2.5  # standard deviations within which a Gaussian counts
_HAZE = 8.0  # times the usual size: so large a Gaussian has no surface
_LEVEL = 0.3  # of the density in the cloud's thicker places
_PARTS = 8

_HALF = np.float32(0.5)

# Of each Gaussian: mean [3], precision matrix [3, 3], opacity, and half its box [3].
DensityGaussians = tuple[Floats, Floats, Floats, Floats]


def is_translucent(views: RenderedViews) -> bool:
    """Whether more than half of the light comes through most of what is seen."""
    alphas = views.rendering.alphas
    shown = max(int(np.count_nonzero(alphas > 0.1)), 1)
    return bool(np.count_nonzero(alphas >= 0.5) < _FAINT * shown)


def density_surface(cloud: GaussianCloud, lattice: VoxelGrid, progress: Progress) -> SparseVolume:
    """Distances, of a sort, to the surface within which a cloud of the unit sphere is dense.

    Raises:
        Cancelled: between two parts of the work.
    """
    blobs = _blobs(cloud)
    index = np.full(lattice.blocks, OUTSIDE, np.int32)
    frame = (lattice.origin, np.float32(lattice.voxel))
    wanted = np.zeros(lattice.blocks, np.bool_)
    _mark(wanted, frame, blobs)

    def fill(places: Indices, _codes: Indices) -> Floats:
        densities = np.zeros((len(places), BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE), np.float32)
        numbers = np.full(lattice.blocks, OUTSIDE, np.int32)
        numbers[tuple(places.T)] = np.arange(len(places))
        ends = np.linspace(0, len(blobs[0]), _PARTS + 1).astype(int)
        for i in range(_PARTS):
            progress.step(i, _PARTS)
            part = slice(ends[i], ends[i + 1])
            some = (blobs[0][part], blobs[1][part], blobs[2][part], blobs[3][part])
            _add(densities, numbers, frame, some)
        thick = densities[densities > 0.01]
        level = _LEVEL * float(np.percentile(thick, 90)) if len(thick) else 1.0
        return np.clip(1 - densities / np.float32(level), -1, 1)

    return allocate_blocks(uniform_volume(lattice, index), wanted, fill)


def _blobs(cloud: GaussianCloud) -> DensityGaussians:
    sizes = cloud.scales.max(axis=1)
    kept = cloud.opacities > VISIBLE_OPACITY / 10
    kept &= sizes <= _HAZE * np.median(sizes)
    cloud = cloud.select(kept)
    axes = rotation_matrices(cloud.quats)
    scales = np.maximum(cloud.scales, np.maximum(0.05 * sizes[kept], 1e-6)[:, None])
    inverse = axes / scales[:, None, :]
    boxes = _REACH * np.sqrt(((axes * scales[:, None, :]) ** 2).sum(axis=2))
    precisions = (inverse @ inverse.transpose(0, 2, 1)).astype(np.float32)
    return cloud.means, precisions, cloud.opacities, boxes.astype(np.float32)


@jit()
def _mark(wanted: Mask, frame: tuple[Floats, np.float32], blobs: DensityGaussians) -> None:
    """Mark the blocks that the Gaussians' boxes touch."""
    means, _, _, boxes = blobs
    edge = frame[1] * BLOCK_SIZE
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for g in range(len(means)):
        for axis in range(3):
            at = means[g, axis] - frame[0][axis]
            low[axis] = max(0, int(np.floor((at - boxes[g, axis]) / edge)))
            last = wanted.shape[axis] - 1
            high[axis] = min(last, int(np.floor((at + boxes[g, axis]) / edge)))
        wanted[low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1] = True


@jit(parallel=True)
def _add(
    densities: Floats, index: Indices, frame: tuple[Floats, np.float32], blobs: DensityGaussians
) -> None:
    """Add the Gaussians to the blocks' voxels; each thread has the blocks of its own columns."""
    means, precisions, opacities, boxes = blobs
    origin, voxel = frame
    for column in numba.prange(index.shape[0]):
        low, high = np.empty(3, np.int64), np.empty(3, np.int64)
        for g in range(len(means)):
            for axis in range(3):
                at, reach = means[g, axis] - origin[axis], boxes[g, axis]
                last = index.shape[axis] * BLOCK_SIZE - 1
                low[axis] = max(0, int(np.ceil((at - reach) / voxel)))
                high[axis] = min(last, int(np.floor((at + reach) / voxel)))
            low[0] = max(low[0], column * BLOCK_SIZE)
            high[0] = min(high[0], column * BLOCK_SIZE + BLOCK_SIZE - 1)
            if low[0] <= high[0]:
                _add_one(
                    densities, index, frame, (low, high), (means[g], precisions[g], opacities[g])
                )


@jit()
def _add_one(
    densities: Floats,
    index: Indices,
    frame: tuple[Floats, np.float32],
    span: tuple[NDArray[np.int64], NDArray[np.int64]],
    blob: tuple[Floats, Floats, np.float32],
) -> None:
    origin, voxel = frame
    mean, precision, opacity = blob
    low, high = span
    for x in range(low[0], high[0] + 1):
        dx = origin[0] + voxel * np.float32(x) - mean[0]
        for y in range(low[1], high[1] + 1):
            dy = origin[1] + voxel * np.float32(y) - mean[1]
            for z in range(low[2], high[2] + 1):
                dz = origin[2] + voxel * np.float32(z) - mean[2]
                block = index[x >> 3, y >> 3, z >> 3]
                if block < 0:
                    continue
                u = precision[0, 0] * dx + precision[0, 1] * dy + precision[0, 2] * dz
                v = precision[1, 0] * dx + precision[1, 1] * dy + precision[1, 2] * dz
                w = precision[2, 0] * dx + precision[2, 1] * dy + precision[2, 2] * dz
                squared = u * dx + v * dy + w * dz
                densities[block, x & 7, y & 7, z & 7] += opacity * np.exp(-_HALF * squared)
