"""The function behind a density field, evaluated in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..contract.bounds import Box
from ..gaussians.numba_jit import Floats
from .field_grid import GridDensities, OnGrid, PointwiseDensities

# Points [N, 3] in the asset frame to densities [N] and sRGB colours [N, 3], 0..1, on their device.
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]

_CHUNK = 1 << 17  # points in one evaluation, which bounds the network's memory
_LIMIT = 1e12  # of densities: squares of their gradients stay finite


@dataclass(frozen=True)
class FieldFunction:
    """Density and colour at any point.

    Attributes:
        evaluate: see `Evaluate`.
        bounds: there is nothing beyond.
        level: the density at the surface; it is higher inside.
        device: where `evaluate` takes its points, as torch names it.
        extinction: of densities, the light lost in a unit of length, at least 0, as they are
            rendered; None: density is extinction, and what is inside is shown as opaque.
        on_grid: densities on a regular grid, where the field has a faster way than `evaluate`.
    """

    evaluate: Evaluate
    bounds: Box
    level: float
    device: str
    extinction: Callable[[Tensor], Tensor] | None = None
    on_grid: OnGrid | None = None

    def signed(self, points: Floats) -> Floats:
        """[N] level - density at points [N, 3]: negative inside; NaN counts as outside."""
        out = np.empty(len(points), np.float32)
        for part, density, _ in self._chunks(points):
            out[part] = self.signed_densities(density).cpu().numpy()
        return out

    def densities(self, points: Floats) -> Floats:
        """[N] at points [N, 3], as they are."""
        out = np.empty(len(points), np.float32)
        for part, density, _ in self._chunks(points):
            out[part] = density.float().cpu().numpy()
        return out

    def extinction_of(self, densities: Tensor) -> Tensor:
        """See `extinction`; NaN counts as nothing."""
        found = (self.extinction or torch.relu)(densities.float())
        return torch.nan_to_num(found, nan=0.0, posinf=_LIMIT)

    def signed_densities(self, densities: Tensor) -> Tensor:
        """level - density, finite: negative inside; NaN counts as outside."""
        return torch.nan_to_num(self.level - densities.float(), nan=_LIMIT).clamp(-_LIMIT, _LIMIT)

    def colors(self, points: Floats) -> Floats:
        """[N, 3] sRGB, 0..1, at points [N, 3]."""
        out = np.empty((len(points), 3), np.float32)
        for part, _, color in self._chunks(points):
            out[part] = color.float().clamp(0, 1).cpu().numpy()
        return out

    def grid_densities(self, x: Floats, y: Floats, z: Floats) -> GridDensities:
        """On the points with these coordinates, each a multiple of the block size long."""
        axes = tuple(torch.from_numpy(each).to(self.device) for each in (x, y, z))
        if self.on_grid is None:
            return PointwiseDensities(self._densities_at, (axes[0], axes[1], axes[2]))
        return self.on_grid(*axes)

    def _densities_at(self, points: Tensor) -> Tensor:
        return torch.cat([self.evaluate(part)[0].float() for part in points.split(_CHUNK)])

    def _chunks(self, points: Floats) -> Iterator[tuple[slice, Tensor, Tensor]]:
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            with torch.inference_mode():
                density, color = self.evaluate(torch.from_numpy(points[part]).to(self.device))
            yield part, density, color
