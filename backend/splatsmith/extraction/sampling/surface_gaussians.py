"""The Gaussians at the visible surface, oriented outwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from ...contract.bounds import VISIBLE_OPACITY
from ...contract.cloud import SH_C0, GaussianCloud
from ...contract.harmonics import basis
from ...contract.transform import rotation_matrices
from ...gaussians.numba_jit import Floats, jit
from ...progress import Progress
from ..surface.triangle_surface import Surface
from ..texture.color_field import ColorField
from ..views.visibility import (
    ViewArrays,
    Visibility,
    center_depths,
    half_opacity_radii,
    point_visibility,
)

_LEAST_SCALE = 1e-6  # of the bounding radius, so that every Gaussian has an area
_FLAT_RATIO = 0.3  # shortest by middle axis, below which the shortest axis is the normal
_MIN_COSINE = 0.5  # of the shortest axis to the views' normal, below which it is not
_KNOWN_ALPHA = 0.15  # of the field at a point, below which it has its own Gaussian's colour
_CELLS_ACROSS = 64  # in the sphere's radius
_TINY = 1e-12
_CHUNK = 1 << 18


@dataclass(frozen=True)
class SurfaceGaussians:
    """The K Gaussians of a cloud in the unit sphere that are visible at its surface.

    Attributes:
        cloud: these alone.
        normals: [K, 3] unit length, towards the cameras that show them.
        axes: [K, 3, 3] columns that map the unit sphere to a Gaussian's ellipsoid of one standard
            deviation; the third leads to the point where the ellipsoid faces the normal.
        half_opacity_radii: [K] in standard deviations; 0 if a Gaussian is never half opaque.
    """

    cloud: GaussianCloud
    normals: Floats
    axes: Floats
    half_opacity_radii: Floats

    @staticmethod
    def from_views(cloud: GaussianCloud, views: ViewArrays) -> SurfaceGaussians:
        """Those of a cloud in the unit sphere that `views` show; there may be none."""
        opaque = np.flatnonzero(cloud.opacities > VISIBLE_OPACITY)
        found = point_visibility(cloud.means[opaque], center_depths(cloud)[opaque], views)
        cloud = cloud.select(opaque[found.visible])
        scales = np.maximum(cloud.scales, np.float32(_LEAST_SCALE))
        rotations = rotation_matrices(cloud.quats)
        normals = _outward_normals(scales, rotations, found)
        axes = _oriented_axes(scales, rotations, normals)
        return SurfaceGaussians(cloud, normals, axes, half_opacity_radii(cloud.opacities))

    @property
    def weights(self) -> NDArray[np.float64]:
        """[K] area times opacity."""
        areas = np.linalg.norm(np.cross(self.axes[:, :, 0], self.axes[:, :, 1]), axis=1)
        return areas.astype(np.float64) * self.cloud.opacities

    def positions(self, chosen: NDArray[np.intp], offsets: Floats) -> Floats:
        """Points [M, 3] on the half-opaque ellipsoids of the `chosen` Gaussians [M].

        Args:
            offsets: [M, 2] tangential, in standard deviations; beyond the ellipsoid points lie in
                the plane through its centre.
        """
        return _ellipsoid_points(
            self.cloud.means, self.axes, self.half_opacity_radii, chosen, offsets
        )

    def colors(
        self, positions: Floats, owners: NDArray[np.int32], progress: Progress
    ) -> NDArray[np.uint8]:
        """sRGB [M, 3] as seen from outside at points on the Gaussians `owners` [M].

        Raises:
            Cancelled: between two parts of the work.
        """
        own = self._own_colors()
        plain = replace(
            self.cloud,
            sh0=(own - 0.5) / np.float32(SH_C0),
            shN=np.empty((len(own), 0, 3), np.float32),
        )
        # Without view dependence, the surface's normals do not matter.
        field = ColorField.from_cloud(plain, Surface(plain.means, np.empty((0, 3), np.int32)))
        colors = own[owners]
        order = np.argsort(_cells(positions), kind="stable")
        for start in range(0, len(positions), _CHUNK):
            progress.step(start, len(positions))
            part = order[start : start + _CHUNK]  # neighbours, as the field's groups want them
            blended, alphas = field.at(positions[part], self.normals[owners[part]])
            colors[part] = np.where(alphas[:, None] > _KNOWN_ALPHA, blended, colors[part])
        progress.step(len(positions), len(positions))
        return np.round(255 * np.clip(colors, 0, 1)).astype(np.uint8)

    def _own_colors(self) -> Floats:
        """[K, 3] of each Gaussian alone, seen along its normal."""
        cloud = self.cloud
        colors = 0.5 + np.float32(SH_C0) * cloud.sh0
        for start in range(0, len(cloud) if cloud.degree else 0, _CHUNK):
            part = slice(start, start + _CHUNK)
            values = basis(-self.normals[part], cloud.degree)[:, 1:]
            colors[part] += np.einsum("nk,nkc->nc", values, cloud.shN[part])
        return np.clip(colors, 0, 1, out=colors)


def _cells(positions: Floats) -> NDArray[np.int64]:
    """[M] the grid cell of each point in the unit sphere."""
    x, y, z = np.floor(_CELLS_ACROSS * positions.T).astype(np.int64)
    return (x << 40) + (y << 20) + z


@jit(parallel=True)
def _ellipsoid_points(
    means: Floats, axes: Floats, radii: Floats, chosen: NDArray[np.intp], offsets: Floats
) -> Floats:
    points = np.empty((len(chosen), 3), np.float32)
    for i in numba.prange(len(chosen)):
        j, x, y = chosen[i], offsets[i, 0], offsets[i, 1]
        z = np.sqrt(max(radii[j] * radii[j] - x * x - y * y, np.float32(0)))
        for k in range(3):
            points[i, k] = means[j, k] + x * axes[j, k, 0] + y * axes[j, k, 1] + z * axes[j, k, 2]
    return points


def _outward_normals(scales: Floats, rotations: Floats, found: Visibility) -> Floats:
    """The shortest axis of a flat Gaussian, else the normal that the views show."""
    order = np.argsort(scales, axis=1)
    short, middle, _ = np.take_along_axis(scales, order, axis=1).T
    own = np.take_along_axis(rotations, order[:, None, :1], axis=2)[:, :, 0]
    shown, directions = found.normals[found.visible], found.view_directions[found.visible]
    has_normal = shown.any(axis=1, keepdims=True)
    cosine = np.einsum("ij,ij->i", own, np.where(has_normal, shown, directions))[:, None]
    is_flat = (short < _FLAT_RATIO * middle)[:, None]
    use_own = ~has_normal | (is_flat & (np.abs(cosine) > _MIN_COSINE))
    normals = np.where(use_own, np.where(cosine < 0, -own, own), shown)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), _TINY)


def _oriented_axes(scales: Floats, rotations: Floats, normals: Floats) -> Floats:
    """[K, 3, 3] as in `SurfaceGaussians.axes`."""
    pole = scales * np.einsum("nij,ni->nj", rotations, normals)
    pole /= np.linalg.norm(pole, axis=1, keepdims=True)
    x, y, z = pole.T
    sign = np.copysign(np.float32(1), z)
    a = -1 / (sign + z)
    columns = (  # an orthonormal basis around the pole (Duff et al. 2017)
        np.stack([1 + sign * x * x * a, sign * x * y * a, -sign * x], axis=1),
        np.stack([x * y * a, sign + y * y * a, -y], axis=1),
        pole,
    )
    return np.einsum("nij,njk->nik", rotations * scales[:, None], np.stack(columns, axis=2))
