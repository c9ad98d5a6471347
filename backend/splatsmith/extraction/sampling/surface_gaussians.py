"""The Gaussians that form the visible surface, with the side that they show."""

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
from ..texture.gaussian_colors import ColorField
from ..views.visibility import (
    ViewArrays,
    Visibility,
    gaussian_center_depths,
    half_opacity_radii,
    point_visibility,
)

_LEAST_SCALE = 1e-6  # of the bounding radius: no Gaussian is so small that it has no area
_FLAT = 0.3  # thickness, of the middle axis, of those that know their normal better than pictures
_SURE = 0.5  # cosine to the pictures' normal, below which even they are not believed
_CERTAIN = 0.15  # alpha of what is seen at a point, below which it has its own Gaussian's colour
_CELLS_ACROSS = 64  # in the sphere's radius
_TINY = 1e-12
_CHUNK = 1 << 18


@dataclass(frozen=True)
class SurfaceGaussians:
    """The K Gaussians of a cloud in the unit sphere that are seen at its surface.

    Attributes:
        cloud: these alone.
        normals: [K, 3] unit, outwards: towards those who see it.
        axes: [K, 3, 3] as columns, what takes the unit sphere to a Gaussian's ellipsoid of one
            standard deviation; the last leads to where the ellipsoid faces the normal.
        heights: [K] radius of the ellipsoid where the Gaussian is half opaque, in standard
            deviations; 0 if it never is.
    """

    cloud: GaussianCloud
    normals: Floats
    axes: Floats
    heights: Floats

    @staticmethod
    def of(unit: GaussianCloud, pictures: ViewArrays) -> SurfaceGaussians:
        """The skin of a cloud in the unit sphere that `pictures` show; may be empty."""
        solid = np.flatnonzero(unit.opacities > VISIBLE_OPACITY)
        look = point_visibility(unit.means[solid], gaussian_center_depths(unit)[solid], pictures)
        cloud = unit.take(solid[look.seen])
        scales = np.maximum(cloud.scales, np.float32(_LEAST_SCALE))
        rotations = rotation_matrices(cloud.quats)
        normals = _outward_normals(scales, rotations, look)
        axes = _facing(scales, rotations, normals)
        return SurfaceGaussians(cloud, normals, axes, half_opacity_radii(cloud.opacities))

    @property
    def weights(self) -> NDArray[np.float64]:
        """[K] area times opacity."""
        areas = np.linalg.norm(np.cross(self.axes[:, :, 0], self.axes[:, :, 1]), axis=1)
        return areas.astype(np.float64) * self.cloud.opacities

    def places(self, chosen: NDArray[np.intp], disc: Floats) -> Floats:
        """Points [M, 3] of the half-opaque ellipsoids of the `chosen` Gaussians [M].

        Args:
            disc: [M, 2] how far aside, in standard deviations; beyond the ellipsoid they lie in
                the plane across its middle.
        """
        return _place(self.cloud.means, self.axes, self.heights, chosen, disc)

    def colors(
        self, places: Floats, owners: NDArray[np.int32], progress: Progress
    ) -> NDArray[np.uint8]:
        """sRGB [M, 3] of what is seen from outside at points on the Gaussians `owners` [M].

        Raises:
            Cancelled: between two parts of the work.
        """
        own = self._own_colors()
        plain = replace(
            self.cloud,
            sh0=(own - 0.5) / np.float32(SH_C0),
            shN=np.empty((len(own), 0, 3), np.float32),
        )
        # Without harmonics, it does not matter where the outside is.
        field = ColorField.of(plain, Surface(plain.means, np.empty((0, 3), np.int32)))
        colors = own[owners]
        order = np.argsort(_cells(places), kind="stable")
        for start in range(0, len(places), _CHUNK):  # points that lie together, as the field wants
            progress.step(start, len(places))
            part = order[start : start + _CHUNK]
            seen, certainty = field.at(places[part], self.normals[owners[part]])
            colors[part] = np.where(certainty[:, None] > _CERTAIN, seen, colors[part])
        progress.step(len(places), len(places))
        return np.round(255 * np.clip(colors, 0, 1)).astype(np.uint8)

    def _own_colors(self) -> Floats:
        """[K, 3] of each Gaussian alone, as seen squarely from outside."""
        cloud = self.cloud
        colors = 0.5 + np.float32(SH_C0) * cloud.sh0
        for start in range(0, len(cloud) if cloud.degree else 0, _CHUNK):
            part = slice(start, start + _CHUNK)
            values = basis(-self.normals[part], cloud.degree)[:, 1:]
            colors[part] += np.einsum("nk,nkc->nc", values, cloud.shN[part])
        return np.clip(colors, 0, 1, out=colors)


def _cells(places: Floats) -> NDArray[np.int64]:
    """A number for each place of the unit sphere, the same for those that lie together."""
    x, y, z = np.floor(_CELLS_ACROSS * places.T).astype(np.int64)
    return (x << 40) + (y << 20) + z


@jit(parallel=True)
def _place(
    means: Floats, axes: Floats, heights: Floats, chosen: NDArray[np.intp], disc: Floats
) -> Floats:
    places = np.empty((len(chosen), 3), np.float32)
    for i in numba.prange(len(chosen)):
        j, x, y = chosen[i], disc[i, 0], disc[i, 1]
        z = np.sqrt(max(heights[j] * heights[j] - x * x - y * y, np.float32(0)))
        for k in range(3):
            places[i, k] = means[j, k] + x * axes[j, k, 0] + y * axes[j, k, 1] + z * axes[j, k, 2]
    return places


def _outward_normals(scales: Floats, rotations: Floats, look: Visibility) -> Floats:
    """The shortest axis of a Gaussian that is flat, else what the pictures show."""
    order = np.argsort(scales, axis=1)
    short, middle, _ = np.take_along_axis(scales, order, axis=1).T
    own = np.take_along_axis(rotations, order[:, None, :1], axis=2)[:, :, 0]
    shown, towards = look.normals[look.seen], look.towards[look.seen]
    told = shown.any(axis=1, keepdims=True)
    cosine = np.einsum("ij,ij->i", own, np.where(told, shown, towards))[:, None]
    trusted = ~told | ((short < _FLAT * middle)[:, None] & (np.abs(cosine) > _SURE))
    normals = np.where(trusted, np.where(cosine < 0, -own, own), shown)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), _TINY)


def _facing(scales: Floats, rotations: Floats, normals: Floats) -> Floats:
    """As Skin.axes: any two across, and one to where the ellipsoid's own normal is the given."""
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
