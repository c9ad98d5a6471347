"""The function behind a density field, evaluated in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..contract.bounds import Box
from ..gaussians.numba_jit import Floats

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
    """

    evaluate: Evaluate
    bounds: Box
    level: float
    device: str

    def signed(self, points: Floats) -> Floats:
        """[N] level - density at points [N, 3]: negative inside; NaN counts as outside."""
        out = np.empty(len(points), np.float32)
        for part, density, _ in self._chunks(points):
            signed = torch.nan_to_num(self.level - density.float(), nan=_LIMIT)
            out[part] = signed.clamp(-_LIMIT, _LIMIT).cpu().numpy()
        return out

    def colors(self, points: Floats) -> Floats:
        """[N, 3] sRGB, 0..1, at points [N, 3]."""
        out = np.empty((len(points), 3), np.float32)
        for part, _, color in self._chunks(points):
            out[part] = color.float().clamp(0, 1).cpu().numpy()
        return out

    def _chunks(self, points: Floats) -> Iterator[tuple[slice, Tensor, Tensor]]:
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            with torch.inference_mode():
                density, color = self.evaluate(torch.from_numpy(points[part]).to(self.device))
            yield part, density, color
