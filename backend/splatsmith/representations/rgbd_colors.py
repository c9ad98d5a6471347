"""Surface colours from the images that show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..extraction.array_types import Mask
from ..extraction.texture.color_samples import BASE, ColorSamples
from ..extraction.texture.view_colors import view_colors
from ..extraction.views.rendered_views import RenderedViews
from ..gaussians.numba_jit import Floats


@dataclass(frozen=True)
class ViewColors:
    """`SurfaceColors` of views in the unit sphere; unknown where no view shows the surface.

    detail_size: the width of the views' pixels on the surface.
    """

    views: RenderedViews
    detail_size: float

    base_pixel_size = 0.0

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        colors, weights = view_colors(points, normals, np.arange(len(points)), self.views)
        base = np.rint(255 * np.clip(colors, 0, 1)).astype(np.uint8)
        return ColorSamples(np.zeros_like(base), base, BASE * (weights > 0))
