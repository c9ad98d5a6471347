"""What `coloring` does, in torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...gaussians.numba_jit import Floats
from ..views.rendered_views import RenderedViews
from .color_field import ColorField
from .gaussian_colors import BASE, DETAIL, SURE, ColorSamples, GaussianColors
from .ray_colors_cuda import GaussianTensors, blend_along_rays_cuda
from .view_colors_cuda import ViewTensors, view_colors_cuda


@dataclass(frozen=True)
class GaussianColorsCuda(GaussianColors):
    """Both sources of colours, with what they know on a device."""

    blobs: GaussianTensors
    pictures: ViewTensors

    @classmethod
    def on(cls, device: str, field: ColorField, views: RenderedViews) -> GaussianColorsCuda:
        """Args: device: as torch names it."""
        return cls(field, views, GaussianTensors.of(field, device), ViewTensors.of(views, device))

    @torch.inference_mode()
    def at(self, points: Floats, normals: Floats, both: NDArray[np.bool_]) -> ColorSamples:
        """As there, and nearly the same: Gaussians are left out a little later."""
        device = self.pictures.pixels.device
        starts = self.field.groups(points, normals)
        arrays = (points, normals, starts, both)
        places, facing, groups, wanted = (torch.as_tensor(a, device=device) for a in arrays)
        sharp, alphas = blend_along_rays_cuda(places, facing, groups, self.blobs)
        sure = alphas >= SURE
        asked = (wanted | ~sure).nonzero()[:, 0]
        colors, weights = view_colors_cuda(places[asked], facing[asked], self.pictures)
        seen, known = torch.zeros_like(sharp), int(DETAIL) * sure.byte()
        seen[asked] = colors
        known[asked] |= int(BASE) * (weights > 0).byte()
        return ColorSamples(_to_bytes(sharp), _to_bytes(seen), known.cpu().numpy())


def _to_bytes(colors: Tensor) -> NDArray[np.uint8]:
    return (255 * colors.clamp(0, 1)).round().byte().cpu().numpy()
