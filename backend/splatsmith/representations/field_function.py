"""The function behind a density field, evaluated in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..contract.bounds import Box
from ..gaussians.numba_jit import Floats
from .field_grid import GridDensities, OnGrid, PointwiseDensities

# Points [N, 3] in the asset frame to densities [N] and sRGB colours [N, 3], 0..1, on their device.
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]

# Points in one evaluation, which bounds the network's memory: many for a GPU, few for CPU caches.
_CPU_CHUNK, _GPU_CHUNK = 1 << 14, 1 << 19
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

    def densities(self, points: Floats) -> Floats:
        """[N] at points [N, 3], as they are."""
        return self.densities_at(self.on_device(points)).cpu().numpy()

    def colors(self, points: Floats) -> Floats:
        """[N, 3] sRGB, 0..1, at points [N, 3]."""
        return self.colors_at(self.on_device(points)).cpu().numpy()

    def on_device(self, array: Floats) -> Tensor:
        """`array` where the field is evaluated."""
        return torch.from_numpy(array).to(self.device)

    @torch.inference_mode()
    def densities_at(self, points: Tensor) -> Tensor:
        """As `densities`, of points on the device, where the result stays."""
        found = [density.float() for density, _ in self._evaluated(points)]
        return torch.cat(found) if found else points.new_empty(0)

    def signed_at(self, points: Tensor) -> Tensor:
        """`signed_densities` at points [N, 3] on the device."""
        return self.signed_densities(self.densities_at(points))

    @torch.inference_mode()
    def colors_at(self, points: Tensor) -> Tensor:
        """As `colors`, of points on the device, where the result stays."""
        found = [color.float().clamp(0, 1) for _, color in self._evaluated(points)]
        return torch.cat(found) if found else points.new_empty(0, 3)

    def extinction_of(self, densities: Tensor) -> Tensor:
        """See `extinction`; NaN counts as nothing."""
        found = (self.extinction or torch.relu)(densities.float())
        return torch.nan_to_num(found, nan=0.0, posinf=_LIMIT)

    def signed_densities(self, densities: Tensor) -> Tensor:
        """level - density, finite: negative inside; NaN counts as outside."""
        return torch.nan_to_num(self.level - densities.float(), nan=_LIMIT).clamp(-_LIMIT, _LIMIT)

    def grid_densities(self, x: Floats, y: Floats, z: Floats) -> GridDensities:
        """On the points with these coordinates, each a multiple of the block size long."""
        axes = tuple(torch.from_numpy(each).to(self.device) for each in (x, y, z))
        if self.on_grid is None:
            return PointwiseDensities(self.densities_at, (axes[0], axes[1], axes[2]))
        return self.on_grid(*axes)

    def _evaluated(self, points: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        chunk = _CPU_CHUNK if points.device.type == "cpu" else _GPU_CHUNK
        return (self.evaluate(part) for part in points.split(chunk) if len(part))
