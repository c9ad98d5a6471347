"""Gaussians that look as a field's volume rendering: one in each cell that light reaches.

A field's surface is soft: rays end within some voxels around it, or nowhere at all. Opaque surfels
on the level would be larger than what is seen, and hard at the silhouettes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud
from ..extraction.surface.sparse_volume import BLOCK_SIZE
from ..gaussians.numba_jit import Floats
from ..gaussians.rendering import MAX_ALPHA, MIN_ALPHA
from ..progress import Progress
from .field_function import FieldFunction

_COARSE, _FINE = 32, 128  # cells along the longest side, least and most
_THICKNESS = 0.05  # of a typical cell that is seen: of fainter ones rasterizers cut off too much
_SIGMA = 0.6  # cells; a lattice of such Gaussians is even to a hundredth
_LEAST = 2e-3  # optical thickness of a cell that counts
# Of what lies before a cell along the axes, from which on nothing of it is seen: a two-hundredth,
# and slanted rays pass through less than the axes' by up to a factor of sqrt(3).
_HIDDEN = np.sqrt(3) * np.log(200)


def volume_gaussians(function: FieldFunction, progress: Progress) -> GaussianCloud:
    """Round Gaussians whose opacities add up to the field's optical thickness along any ray.

    Of one Gaussian in a cell of edge h, of opacity o and standard deviation s, a layer of cells has
    the thickness 2 pi s^2 o / h^2; the field's is h times its extinction. What rasterizers leave
    out of a Gaussian, where it is fainter than MIN_ALPHA, is the share MIN_ALPHA of its peak.

    Raises:
        Cancelled: between two layers.
    """
    coarse = _Cells.of(function, _COARSE, progress.part(progress.stage, 0, 0.1))
    seen = coarse.thickness[coarse.seen()] / coarse.edge
    typical = float(np.median(seen)) if len(seen) else 1.0
    extent = float((function.bounds.upper - function.bounds.lower).max())
    count = int(np.clip(extent * typical / _THICKNESS, _COARSE, _FINE)) // BLOCK_SIZE * BLOCK_SIZE
    cells = _Cells.of(function, count, progress.part(progress.stage, 0.1, 1))
    chosen = np.argwhere(cells.seen())
    centers = (cells.first + cells.edge * chosen).astype(np.float32)
    thickness = cells.thickness[tuple(chosen.T)]
    peak = -np.expm1(-thickness / np.float32(2 * np.pi * _SIGMA**2)) + np.float32(MIN_ALPHA)
    return GaussianCloud(
        means=centers,
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (len(centers), 1)),
        scales=np.full((len(centers), 3), _SIGMA * cells.edge, np.float32),
        opacities=np.minimum(peak, np.float32(MAX_ALPHA)),
        sh0=((function.colors(centers) - 0.5) / SH_C0).astype(np.float32),
        shN=np.zeros((len(centers), 0, 3), np.float32),
    )


@dataclass(frozen=True)
class _Cells:
    """Cubic cells of a field's bounds.

    first: [3] the first one's center. thickness: [X, Y, Z] optical, across one cell; 0 beyond.
    """

    first: Floats
    edge: float
    thickness: Floats

    @classmethod
    def of(cls, function: FieldFunction, count: int, progress: Progress) -> _Cells:
        """`count` along the longest side."""
        lower = function.bounds.lower
        extent = function.bounds.upper - lower
        edge = float(extent.max()) / count
        counts = np.maximum(np.rint(extent / edge).astype(int), 1)
        blocks = -(-counts // BLOCK_SIZE)
        first = (lower + edge / 2).astype(np.float32)
        x, y, z = (
            start + np.float32(edge) * np.arange(BLOCK_SIZE * n, dtype=np.float32)
            for start, n in zip(first, blocks, strict=True)
        )
        densities = function.grid_densities(x, y, z)
        layers: list[Floats] = []
        across = torch.cartesian_prod(*(torch.arange(int(n)) for n in blocks[1:]))
        for layer in range(int(blocks[0])):
            progress.step(layer, int(blocks[0]))
            wanted = torch.nn.functional.pad(across, (1, 0), value=layer).to(function.device)
            with torch.inference_mode():
                found = function.extinction_of(densities.densities(wanted)) * edge
            split = found.cpu().numpy().reshape(blocks[1], blocks[2], *[BLOCK_SIZE] * 3)
            shape = (BLOCK_SIZE, BLOCK_SIZE * blocks[1], BLOCK_SIZE * blocks[2])
            layers.append(split.transpose(2, 0, 3, 1, 4).reshape(shape))
        nx, ny, nz = counts.tolist()
        thickness = np.nan_to_num(np.concatenate(layers)[:nx, :ny, :nz], posinf=1e3)
        return cls(first, edge, thickness)

    def seen(self) -> NDArray[np.bool_]:
        """[X, Y, Z] whether a cell is thick enough, and light reaches it along any axis."""
        before = np.full_like(self.thickness, np.inf)
        for axis in range(3):
            ahead = np.cumsum(self.thickness, axis=axis) - self.thickness
            behind = self.thickness.sum(axis=axis, keepdims=True) - ahead - self.thickness
            np.minimum(before, np.minimum(ahead, behind), out=before)
        return (self.thickness > _LEAST) & (before < _HIDDEN)
