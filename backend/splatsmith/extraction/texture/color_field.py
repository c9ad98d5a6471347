"""The colour of a cloud at points of its surface, seen squarely from outside.

Along the normal, from a little outside inwards, every Gaussian counts with its peak on the ray, as
in splatting; what lies further off, floaters and the far side, does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from ...contract.cloud import SH_C0, GaussianCloud
from ...contract.harmonics import basis
from ...gaussians.numba_jit import Floats, Integers
from ..surface.triangle_surface import Surface, vertex_normals
from .gaussian_grid import GaussianGrid
from .ray_colors import blend_along_rays, group_points

_OUTSIDE, _INSIDE = 1.5, 2.5  # the window, in typical standard deviations
_LEAST_WINDOW, _MOST_WINDOW = 0.01, 0.1
_GROUP = 1.0  # of the window: points that look together lie within so much


@dataclass(frozen=True)
class ColorField:
    """Colours of Gaussians around a surface.

    Attributes:
        colors: [N, 3] sRGB, of every Gaussian as seen from outside.
        opacities: [N].
        window: how far outside and inside of a point Gaussians count for it.
        grain: the standard deviation of the smallest tenth: finer detail they cannot hold.
    """

    grid: GaussianGrid
    colors: Floats
    opacities: Floats
    window: tuple[float, float]
    grain: float

    @staticmethod
    def of(cloud: GaussianCloud, surface: Surface) -> ColorField:
        """The field of a cloud in the unit sphere; `surface` tells where its outside is."""
        return ColorField.on(GaussianGrid.of(cloud), cloud, surface)

    @staticmethod
    def on(grid: GaussianGrid, cloud: GaussianCloud, surface: Surface) -> ColorField:
        """As `of`, with the cloud's grid at hand.

        Colours that depend on the direction are taken once per Gaussian, along the normal of the
        surface where it is nearest.
        """
        kept = cloud.select(grid.kept)
        sizes = np.sort(kept.scales, axis=1)[:, 1] if len(kept) else np.zeros(1, np.float32)
        grain, size = (float(value) for value in np.percentile(sizes, (10, 50)))
        outside = float(np.clip(_OUTSIDE * size, _LEAST_WINDOW, _MOST_WINDOW))
        inside = float(np.clip(_INSIDE * size, _LEAST_WINDOW, _MOST_WINDOW))
        window = outside, inside
        return ColorField(grid, _outer_colors(kept, surface), kept.opacities, window, grain)

    def at(self, points: Floats, normals: Floats) -> tuple[Floats, Floats]:
        """sRGB colours [N, 3] and certainty [N], the alpha of what was found, both 0..1."""
        colors = np.zeros((len(points), 3), np.float32)
        certainty = np.zeros(len(points), np.float32)
        grid, (outside, inside) = self.grid, self.window
        starts = self.groups(points, normals)
        blobs = (grid.means, grid.reaches, grid.shapes, self.opacities, self.colors)
        window = (np.float32(outside), np.float32(inside))
        blend_along_rays((points, normals, starts), grid.lists, blobs, window, (colors, certainty))
        return colors, certainty

    def groups(self, points: Floats, normals: Floats) -> Integers:
        """The first [G + 1] of every group of following points that may look together."""
        return group_points(points, normals, np.float32(_GROUP * sum(self.window)))


def _outer_colors(cloud: GaussianCloud, surface: Surface) -> Floats:
    colors = 0.5 + np.float32(SH_C0) * cloud.sh0
    if cloud.degree:
        nearest = KDTree(surface.vertices).query(cloud.means, workers=-1)[1]
        inwards = -vertex_normals(surface)[nearest]
        values = basis(inwards, cloud.degree)[:, 1:]
        for k in range(values.shape[1]):  # each coefficient is a plane in memory
            colors += values[:, k, None] * cloud.shN[:, k]
    return np.clip(colors, 0, 1, out=colors)
