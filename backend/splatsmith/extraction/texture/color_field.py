"""Colours of Gaussians at a surface, blended along its normals.

From a little outside the surface to a little inside, each Gaussian counts with its peak on the ray,
as in splatting. Floaters and the far side lie outside this window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.spatial import KDTree

from ...contract.cloud import SH_C0, GaussianCloud
from ...contract.harmonics import basis
from ...gaussians.numba_jit import Floats, Integers
from ..surface.triangle_surface import Surface, vertex_normals
from .gaussian_grid import GaussianGrid
from .ray_colors import GaussianArrays, RayGroups, RayWindow, blend_along_rays, group_rays

_OUTSIDE, _INSIDE = 1.5, 2.5  # standard deviations of the median Gaussian
_LEAST_WINDOW, _MOST_WINDOW = 0.01, 0.1
_GROUP_WIDTH = 1.0  # windows: rays of a group start within it
_DETAIL_PERCENTILE, _SIZE_PERCENTILE = 10, 50  # of the Gaussians' middle axes


@dataclass(frozen=True)
class ColorField:
    """N Gaussians around a surface.

    Attributes:
        colors: [N, 3] sRGB, each as seen from outside.
        opacities: [N].
        window: the part of a ray that counts.
        detail_size: the smallest feature that the Gaussians can hold, a standard deviation.
    """

    grid: GaussianGrid
    colors: Floats
    opacities: Floats
    window: RayWindow
    detail_size: float

    @staticmethod
    def from_cloud(cloud: GaussianCloud, surface: Surface) -> ColorField:
        """Of a cloud in the unit sphere; `surface` says where its outside is."""
        return ColorField.from_grid(GaussianGrid.from_cloud(cloud), cloud, surface)

    @staticmethod
    def from_grid(grid: GaussianGrid, cloud: GaussianCloud, surface: Surface) -> ColorField:
        """As `from_cloud`, with the cloud's grid at hand.

        View-dependent colours are evaluated once per Gaussian, along the normal of the surface
        where it is nearest.
        """
        kept = cloud.select(grid.kept)
        sizes = np.sort(kept.scales, axis=1)[:, 1] if len(kept) else np.zeros(1, np.float32)
        percentiles = np.percentile(sizes, (_DETAIL_PERCENTILE, _SIZE_PERCENTILE))
        detail_size, size = (float(value) for value in percentiles)
        window = RayWindow(
            float(np.clip(_OUTSIDE * size, _LEAST_WINDOW, _MOST_WINDOW)),
            float(np.clip(_INSIDE * size, _LEAST_WINDOW, _MOST_WINDOW)),
        )
        colors = _outside_colors(kept, surface)
        return ColorField(grid, colors, kept.opacities, window, detail_size)

    def at(self, points: Floats, normals: Floats) -> tuple[Floats, Floats]:
        """sRGB colours [N, 3] and alphas [N] of the rays into the surface, both 0..1."""
        grid = self.grid
        rays = RayGroups(points, normals, self.ray_groups(points, normals))
        gaussians = GaussianArrays(
            grid.means, grid.extents, grid.whitening, self.opacities, self.colors
        )
        # The compiled loops compute in float32, as long as no float64 is among their arguments.
        window = RayWindow(*(cast("float", np.float32(width)) for width in self.window))
        return blend_along_rays(rays, grid.cells, gaussians, window)

    def ray_groups(self, points: Floats, normals: Floats) -> Integers:
        """[G + 1] the first ray of every group of consecutive rays that share their Gaussians."""
        return group_rays(points, normals, np.float32(_GROUP_WIDTH * sum(self.window)))


def _outside_colors(cloud: GaussianCloud, surface: Surface) -> Floats:
    colors = 0.5 + np.float32(SH_C0) * cloud.sh0
    if cloud.degree:
        nearest = KDTree(surface.vertices).query(cloud.means, workers=-1)[1]
        inward = -vertex_normals(surface)[nearest]
        values = basis(inward, cloud.degree)[:, 1:]
        for k in range(values.shape[1]):  # each coefficient is a plane in memory
            colors += values[:, k, None] * cloud.shN[:, k]
    return np.clip(colors, 0, 1, out=colors)
