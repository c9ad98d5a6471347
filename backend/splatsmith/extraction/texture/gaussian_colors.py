"""Surface colours of a cloud: Gaussians blended along the normals, and rendered views."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ...gaussians.numba_jit import Bytes, Floats, jit
from ..array_types import Mask
from ..views.rendered_views import RenderedViews
from .color_field import ColorField
from .color_samples import BASE, DETAIL, ColorSamples
from .view_colors import view_colors

KNOWN_ALPHA = 0.15  # of the Gaussians at a point, from which on their colour counts
_ZERO, _ONE = np.float32(0), np.float32(1)


@dataclass(frozen=True)
class GaussianColors:
    """`SurfaceColors` of a cloud, in the unit sphere, on the CPU.

    The detail is blended from the Gaussians along the normal: sharp, but unknown where the surface
    misses them. The base is sampled from views: as seen from outside, but blurred.
    """

    field: ColorField
    views: RenderedViews

    @property
    def detail_size(self) -> float:
        return self.field.detail_size

    @property
    def base_pixel_size(self) -> float:
        return self.views.pixel_size

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        detail, alphas = self.field.at(points, normals)
        has_detail = alphas >= KNOWN_ALPHA
        indices = np.flatnonzero(base_wanted | ~has_detail)
        base, weights = view_colors(points, normals, indices, self.views)
        known = DETAIL * has_detail | BASE * (weights > 0)
        return ColorSamples(_to_bytes(detail), _to_bytes(base), known)


@jit(parallel=True)
def _to_bytes(colors: Floats) -> Bytes:
    """sRGB bytes [N, 3] of colours 0..1."""
    out = np.empty(colors.shape, np.uint8)
    for i in numba.prange(len(colors)):
        for channel in range(3):
            value = min(max(colors[i, channel], _ZERO), _ONE)
            out[i, channel] = np.uint8(np.rint(np.float32(255) * value))
    return out
