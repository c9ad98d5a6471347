"""Densities on a regular grid, block by block, on the field's device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..extraction.surface.sparse_volume import BLOCK_SIZE

_NEIGHBORS = 1  # voxels around a block that its range takes in


class GridDensities(Protocol):
    """Blocks of BLOCK_SIZE^3 grid points; block b starts at point BLOCK_SIZE * b."""

    def ranges(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds [M] of the densities in blocks [M, 3] and one point around each.

        They hold for certain, and need not be tight: blocks on one side of the level are skipped.
        """
        ...

    def densities(self, blocks: Tensor) -> Tensor:
        """[M, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE], of blocks [M, 3]."""
        ...


# Coordinates [X], [Y] and [Z] of a grid's points, each a multiple of BLOCK_SIZE long.
OnGrid = Callable[[Tensor, Tensor, Tensor], GridDensities]


@dataclass(frozen=True)
class PointwiseDensities:
    """Of a field that knows nothing of grids: evaluated point by point, and all of it.

    densities_at: [N] of points [N, 3].
    """

    densities_at: Callable[[Tensor], Tensor]
    axes: tuple[Tensor, Tensor, Tensor]

    def ranges(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        unknown = torch.full((len(blocks),), torch.inf, device=blocks.device)
        return -unknown, unknown

    def densities(self, blocks: Tensor) -> Tensor:
        x, y, z = (
            coordinates.unflatten(0, (-1, BLOCK_SIZE))[blocks[:, axis]]
            for axis, coordinates in enumerate(self.axes)
        )
        shape = (len(blocks), *[BLOCK_SIZE] * 3)
        points = torch.stack(
            [
                x[:, :, None, None].expand(shape),
                y[:, None, :, None].expand(shape),
                z[:, None, None, :].expand(shape),
            ],
            dim=-1,
        )
        return self.densities_at(points.reshape(-1, 3)).reshape(shape)


def block_extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest values [A/8, B/8, C] in windows of [A, B, C]: blocks and one around."""
    channels = values.permute(2, 0, 1)[None]
    window = BLOCK_SIZE + 2 * _NEIGHBORS

    def greatest(x: Tensor) -> Tensor:
        pooled = torch.nn.functional.max_pool2d(x, window, BLOCK_SIZE, _NEIGHBORS)
        return pooled[0].permute(1, 2, 0)

    return -greatest(-channels), greatest(channels)
