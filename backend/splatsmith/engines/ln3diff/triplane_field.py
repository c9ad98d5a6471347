"""A triplane as a density field in the asset frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...contract.bounds import Box
from ...representations.field_function import FieldFunction
from .triplane import BOX, SURFACE_LEVEL, Triplane
from .triplane_grid import TriplaneGrid

_EXTINCTION_SHIFT = 1.0  # of raw densities


def triplane_field(triplane: Triplane, level: float = SURFACE_LEVEL) -> FieldFunction:
    """Density and color of a triplane, within its box."""
    corner = np.full(3, BOX / 2, np.float32)

    def evaluate(points: Tensor) -> tuple[Tensor, Tensor]:
        return triplane.evaluate(to_network(points))

    def on_grid(x: Tensor, y: Tensor, z: Tensor) -> TriplaneGrid:
        return TriplaneGrid(triplane, x, y, z)

    return FieldFunction(
        evaluate=evaluate,
        bounds=Box(-corner, corner),
        level=level,
        device=str(triplane.planes.device),
        extinction=extinction,
        on_grid=on_grid,
    )


def extinction(density: Tensor) -> Tensor:
    """Of raw densities, as they are rendered."""
    return F.softplus(density - _EXTINCTION_SHIFT)


def to_network(points: Tensor) -> Tensor:
    """Points [..., 3] of the asset frame (Y up, front +Z) in the network's (Z up, front -Y)."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, -z, y], -1)
