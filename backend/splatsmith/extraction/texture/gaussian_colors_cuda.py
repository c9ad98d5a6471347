"""`gaussian_colors` in torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...gaussians.numba_jit import Floats
from ..array_types import Mask
from ..views.rendered_views import RenderedViews
from .color_field import ColorField
from .color_samples import BASE, DETAIL, ColorSamples
from .gaussian_colors import KNOWN_ALPHA, GaussianColors
from .ray_colors_cuda import GaussianTensors, blend_along_rays_cuda
from .view_colors_cuda import ViewTensors, view_colors_cuda


@dataclass(frozen=True)
class GaussianColorsCuda(GaussianColors):
    """As `GaussianColors`, and nearly equal: rays end a few Gaussians later."""

    gaussian_tensors: GaussianTensors
    view_tensors: ViewTensors

    @classmethod
    def on_device(cls, device: str, field: ColorField, views: RenderedViews) -> GaussianColorsCuda:
        """Args: device: as torch names it."""
        gaussians = GaussianTensors.from_field(field, device)
        return cls(field, views, gaussians, ViewTensors.from_views(views, device))

    @torch.inference_mode()
    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        device = self.view_tensors.pixels.device
        starts = self.field.ray_groups(points, normals)
        arrays = (points, normals, starts, base_wanted)
        origins, directions, groups, wanted = (torch.as_tensor(a, device=device) for a in arrays)
        detail, alphas = blend_along_rays_cuda(origins, directions, groups, self.gaussian_tensors)
        has_detail = alphas >= KNOWN_ALPHA
        indices = (wanted | ~has_detail).nonzero()[:, 0]
        colors, weights = view_colors_cuda(origins[indices], directions[indices], self.view_tensors)
        base, known = torch.zeros_like(detail), int(DETAIL) * has_detail.byte()
        base[indices] = colors
        known[indices] |= int(BASE) * (weights > 0).byte()
        return ColorSamples(_to_bytes(detail), _to_bytes(base), known.cpu().numpy())


def _to_bytes(colors: Tensor) -> NDArray[np.uint8]:
    return (255 * colors.clamp(0, 1)).round().byte().cpu().numpy()
