"""A triplane's densities on a regular grid of the asset frame.

On a grid each plane has only as many different samples as there are points in a plane, and the
MLP's first layer is linear: the hidden layer at a point is the sum of three projected samples.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...extraction.surface.sparse_volume import BLOCK_SIZE
from ...representations.field_grid import block_extremes
from .triplane import AXES, BOX, PLANES, Triplane, equalized_weight

_CPU_CHUNK, _GPU_CHUNK = 1 << 12, 1 << 20  # points at once: 1 MB, which caches hold, and 268 MB
_ROUNDING = 1e-4  # of the sum of the terms' magnitudes, by which ranges are widened
_AXIS_ORDER = (0, 2, 1)  # the asset's axis along each of the network's


class TriplaneGrid:
    """`GridDensities` of a triplane."""

    def __init__(self, triplane: Triplane, x: Tensor, y: Tensor, z: Tensor) -> None:
        """x, y, z: the points' coordinates [X], [Y] and [Z] in the asset frame."""
        mlp, axes = triplane.mlp, (x, -z, y)  # along the network's axes
        projection = equalized_weight(mlp.fc1) / PLANES
        self._weights, self._bias = equalized_weight(mlp.fc2)[0], mlp.fc2.bias[0]
        samples = [
            _sample(plane, axes[first], axes[second]) @ projection.T
            for plane, (first, second) in zip(triplane.planes, AXES, strict=True)
        ]
        samples[0] += mlp.fc1.bias
        extremes = [block_extremes(each) for each in samples]
        self._least, self._greatest = ([pair[end] for pair in extremes] for end in (0, 1))
        self._blocks = [_by_blocks(each) for each in samples]

    def ranges(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """See `GridDensities`; by interval arithmetic, as softplus is monotone."""
        xy, yz, zx = _plane_blocks(blocks)
        least, greatest = (
            F.softplus(planes[0][xy] + planes[1][yz] + planes[2][zx])
            for planes in (self._least, self._greatest)
        )
        positive, negative = self._weights.clamp(min=0), self._weights.clamp(max=0)
        margin = _ROUNDING * (1 + greatest @ self._weights.abs())
        lower = least @ positive + greatest @ negative + self._bias - margin
        upper = greatest @ positive + least @ negative + self._bias + margin
        return lower, upper

    def densities(self, blocks: Tensor) -> Tensor:
        """See `GridDensities`."""
        chunk = _CPU_CHUNK if blocks.device.type == "cpu" else _GPU_CHUNK
        parts = blocks.split(chunk // BLOCK_SIZE**3)
        return torch.cat([self._evaluate(part) for part in parts])

    def _evaluate(self, blocks: Tensor) -> Tensor:
        xy, yz, zx = (
            plane[index] for plane, index in zip(self._blocks, _plane_blocks(blocks), strict=True)
        )
        # Along the network's axes: [M, x, y, z, hidden].
        hidden = xy[:, :, :, None] + zx.transpose(1, 2)[:, :, None]
        hidden += yz[:, None]
        density = F.softplus(hidden) @ self._weights + self._bias
        return density.transpose(2, 3)


def _sample(plane: Tensor, width: Tensor, height: Tensor) -> Tensor:
    """[W, H, C] of a plane [C, P, P] at all pairs of coordinates [W] along its width and [H]."""
    pairs = torch.stack(torch.meshgrid(width, height, indexing="ij"), -1) * (2 / BOX)
    sampled = F.grid_sample(plane[None], pairs[None], align_corners=False)
    return sampled[0].permute(1, 2, 0)


def _by_blocks(samples: Tensor) -> Tensor:
    """[W, H, C] as [W / 8, H / 8, 8, 8, C]."""
    columns = samples.unflatten(0, (-1, BLOCK_SIZE)).unflatten(2, (-1, BLOCK_SIZE))
    return columns.transpose(1, 2).contiguous()


def _plane_blocks(blocks: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The blocks of the three planes that blocks [M, 3] of the asset frame lie in."""
    own = blocks[:, _AXIS_ORDER]
    return [(own[:, first], own[:, second]) for first, second in AXES]
