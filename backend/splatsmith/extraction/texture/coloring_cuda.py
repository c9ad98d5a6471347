"""What `coloring` does, in torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...gaussians.numba_jit import Floats
from ..views.rendered_views import Views
from .color_field import ColorField
from .coloring import SEEN, SHARP, SURE, Answers, Coloring
from .ray_colors_cuda import Blobs, look_inwards
from .view_colors_cuda import Pictures, view_colors


@dataclass(frozen=True)
class ColoringOnGpu(Coloring):
    """Both sources of colours, with what they know on a device."""

    blobs: Blobs
    pictures: Pictures

    @classmethod
    def on(cls, device: str, field: ColorField, views: Views) -> ColoringOnGpu:
        """Args: device: as torch names it."""
        return cls(field, views, Blobs.of(field, device), Pictures.of(views, device))

    @torch.inference_mode()
    def at(self, points: Floats, normals: Floats, both: NDArray[np.bool_]) -> Answers:
        """As there, and nearly the same: Gaussians are left out a little later."""
        device = self.pictures.pixels.device
        starts = self.field.groups(points, normals)
        arrays = (points, normals, starts, both)
        places, facing, groups, wanted = (torch.as_tensor(a, device=device) for a in arrays)
        sharp, alphas = look_inwards(places, facing, groups, self.blobs)
        sure = alphas >= SURE
        asked = (wanted | ~sure).nonzero()[:, 0]
        colors, weights = view_colors(places[asked], facing[asked], self.pictures)
        seen, known = torch.zeros_like(sharp), int(SHARP) * sure.byte()
        seen[asked] = colors
        known[asked] |= int(SEEN) * (weights > 0).byte()
        return Answers(_to_bytes(sharp), _to_bytes(seen), known.cpu().numpy())


def _to_bytes(colors: Tensor) -> NDArray[np.uint8]:
    return (255 * colors.clamp(0, 1)).round().byte().cpu().numpy()
