"""A density field sampled on a voxel grid, of which only the blocks at the surface are kept.

The grid is evaluated layer by layer, so that memory grows with the surface and not with the volume.
Layers stay on the field's device; only the blocks that are kept leave it, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..contract.bounds import Box
from ..extraction.surface.sparse_volume import (
    BLOCK_SIZE,
    INSIDE,
    OUTSIDE,
    UNKNOWN,
    SparseVolume,
    VoxelGrid,
)
from ..extraction.surface.tsdf_fusion import TRUNCATION
from ..gaussians.numba_jit import Floats
from ..progress import Progress
from .field_function import FieldFunction
from .field_grid import GridDensities

_WINDOW = BLOCK_SIZE + 2  # voxels: a block and its neighbours on either side
_MIXED = 0  # in place of a block's number
_MAX_STEPS = 100_000  # sign changes that the field's slope is measured at


@dataclass
class _Layers:
    """What is kept of the layers so far, on the field's device.

    Voxels are level - density, negative inside.

    Attributes:
        codes: [by, bz] of each, OUTSIDE, INSIDE or UNKNOWN; _MIXED where the sign changes.
        values: [m, 8, 8, 8] of each one's mixed blocks.
    """

    codes: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)


def sample_field(function: FieldFunction, resolution: int, progress: Progress) -> SparseVolume:
    """Truncated distances to the level, as fused depths have them; unknown beyond the bounds.

    Args:
        resolution: samples along the longest side of the bounds, both ends included.

    Raises:
        Cancelled: between two layers of blocks.
    """
    grid, counts = _grid(function.bounds, resolution)
    layers = _Layers()
    for layer, window in enumerate(_windows(function, grid, counts)):
        progress.step(layer, grid.blocks[0])
        _keep(layers, window)
    progress.step(1, 1)
    index = torch.stack(layers.codes).cpu().numpy()
    coords = np.argwhere(index == _MIXED).astype(np.int32)
    index[index == _MIXED] = np.arange(len(coords), dtype=np.int32)
    return SparseVolume(grid, index, coords, _truncated(torch.cat(layers.values).cpu().numpy()))


def closed_at_bounds(volume: SparseVolume) -> SparseVolume:
    """`volume` with everything beyond the bounds outside."""
    index = np.where(volume.index == UNKNOWN, np.int32(OUTSIDE), volume.index)
    return replace(volume, index=index, values=np.nan_to_num(volume.values, nan=1.0))


def _grid(bounds: Box, resolution: int) -> tuple[VoxelGrid, tuple[int, int, int]]:
    """The grid, with a margin of one block on every side, and the samples within the bounds."""
    extent = (bounds.upper - bounds.lower).astype(np.float64)
    voxel_size = float(extent.max()) / (resolution - 1)
    counts = np.maximum(np.rint(extent / voxel_size).astype(int) + 1, 2)
    blocks = -(-counts // BLOCK_SIZE) + 2
    origin = (bounds.lower - BLOCK_SIZE * voxel_size).astype(np.float32)
    (nx, ny, nz), (bx, by, bz) = counts.tolist(), blocks.tolist()
    return VoxelGrid(origin, voxel_size, (bx, by, bz)), (nx, ny, nz)


def _windows(
    function: FieldFunction, grid: VoxelGrid, counts: tuple[int, int, int]
) -> Iterator[Tensor]:
    """For each layer of blocks along x its voxels [10, Y, Z] and one neighbour on every side.

    A window is overwritten by the next. Voxels are level - density; NaN beyond the bounds.
    """
    rows, columns = (BLOCK_SIZE * n + 2 for n in grid.blocks[1:])
    # The voxel before the layer, the layer, and the next one.
    window = torch.full((2 * BLOCK_SIZE + 1, rows, columns), torch.nan, device=function.device)
    layers = _layers(function, grid, counts)
    for _ in range(grid.blocks[0]):
        window[: BLOCK_SIZE + 1] = window[BLOCK_SIZE:].clone()
        following = next(layers, None)
        window[BLOCK_SIZE + 1 :, 1:-1, 1:-1] = torch.nan if following is None else following
        yield window[:_WINDOW]


def _layers(
    function: FieldFunction, grid: VoxelGrid, counts: tuple[int, int, int]
) -> Iterator[Tensor]:
    """[8, Y, Z] level - density of each layer of blocks but the first, which is beyond the bounds.

    Blocks that are certain to be on one side of the level, with their neighbours, are not
    evaluated: they have the limit of densities. A layer is overwritten by the next.
    """
    inner = [torch.arange(1, n - 1, device=function.device) for n in grid.blocks[1:]]
    densities = function.grid_densities(*_coordinates(grid))
    columns = torch.cartesian_prod(*inner)
    shape = (BLOCK_SIZE, *(BLOCK_SIZE * n for n in grid.blocks[1:]))
    layer = torch.full(shape, torch.nan, device=function.device)
    within = layer[:, BLOCK_SIZE:-BLOCK_SIZE, BLOCK_SIZE:-BLOCK_SIZE]
    for x in range(1, grid.blocks[0] - 1):
        blocks = torch.nn.functional.pad(columns, (1, 0), value=x)
        voxels = _block_voxels(function, densities, blocks)
        voxels = voxels.unflatten(0, (len(inner[0]), len(inner[1]))).permute(2, 0, 3, 1, 4)
        within[:] = voxels.reshape(within.shape)
        within[:, counts[1] :], within[:, :, counts[2] :] = torch.nan, torch.nan
        within[max(counts[0] - BLOCK_SIZE * (x - 1), 0) :] = torch.nan
        yield layer


def _coordinates(grid: VoxelGrid) -> tuple[Floats, Floats, Floats]:
    """Of all voxels, along x, y and z."""
    x, y, z = (
        start + np.float32(grid.voxel_size) * np.arange(BLOCK_SIZE * count, dtype=np.float32)
        for start, count in zip(grid.origin, grid.blocks, strict=True)
    )
    return x, y, z


@torch.inference_mode()
def _block_voxels(function: FieldFunction, densities: GridDensities, blocks: Tensor) -> Tensor:
    """[M, 8, 8, 8] level - density of blocks [M, 3]."""
    lower, upper = densities.ranges(blocks)
    inside, outside = lower > function.level, upper < function.level
    uniform = torch.where(inside, -torch.inf, torch.inf)
    voxels = function.signed_densities(function.level - uniform)
    voxels = voxels[:, None, None, None].repeat(1, *[BLOCK_SIZE] * 3)
    mixed = torch.nonzero(~(inside | outside))[:, 0]
    if len(mixed):
        voxels[mixed] = function.signed_densities(densities.densities(blocks[mixed]))
    return voxels


def _keep(layers: _Layers, window: Tensor) -> None:
    """Classify a layer's blocks; keep the voxels of those at which the sign changes."""
    inside = window < 0
    any_inside, all_inside = _any_in_blocks(inside), ~_any_in_blocks(~inside)
    codes = torch.where(_any_in_blocks(~window.isnan()), OUTSIDE, UNKNOWN)
    codes = torch.where(all_inside, INSIDE, codes)
    mixed = any_inside & ~all_inside
    layers.codes.append(torch.where(mixed, _MIXED, codes).int())
    inner = window[1:-1, 1:-1, 1:-1]
    shape = (BLOCK_SIZE, len(codes), BLOCK_SIZE, codes.shape[1], BLOCK_SIZE)
    layers.values.append(inner.reshape(shape).permute(1, 3, 0, 2, 4)[mixed])


def _any_in_blocks(mask: Tensor) -> Tensor:
    """[by, bz] whether any voxel of a block or next to it is set in [10, Y, Z]."""
    flat = mask.any(dim=0).float()[None]
    return torch.nn.functional.max_pool2d(flat, _WINDOW, BLOCK_SIZE)[0] > 0


def _truncated(values: Floats) -> Floats:
    """Values scaled so that at the surface they are distances in units of the truncation."""
    steps = np.diff(values, axis=1)
    steps = np.abs(steps[(values[:, 1:] < 0) != (values[:, :-1] < 0)])
    steps = steps[np.isfinite(steps)][:: 1 + len(steps) // _MAX_STEPS]
    limit = np.float32(TRUNCATION) * (np.median(steps) if len(steps) else np.float32(1))
    return np.clip(values, -limit, limit) / max(limit, np.finfo(np.float32).tiny)
