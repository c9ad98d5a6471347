"""Where a cloud's object is, strays left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud

VISIBLE_OPACITY = 0.1
_CORE_PERCENTILES = (2, 98)
_CORE_MARGIN = 0.5  # of the core's size, on every side: what lies beyond is a stray
_SPREAD = 2.0  # standard deviations of a Gaussian that count as its body
_USUAL_SIZES = 95  # percentile: the few that are larger do not widen the sphere
_SAMPLE = 200_000  # Gaussians that percentiles are taken of
_WIDEST = 1.0  # standard deviation, in radii: wider Gaussians are fog, not surface
# Below these, float32 cannot tell the sphere's points apart: of the centre's distance, and of 0.
_LEAST_SHARE, _LEAST_RADIUS = 1e-6, 1e-30


@dataclass(frozen=True)
class Sphere:
    """center [3], radius > 0."""

    center: NDArray[np.float32]
    radius: float


def bounding_sphere(cloud: GaussianCloud) -> Sphere:
    """A sphere around all Gaussians that can be seen, except those far from most others.

    Values that are not finite numbers, and sizes of any order, are borne.

    Raises:
        ValueError: none can be seen.
    """
    means, sizes = _visible(cloud)
    if not len(means):
        raise ValueError("the cloud has no Gaussian that can be seen")
    sample = slice(None, None, 1 + len(means) // _SAMPLE)
    low, high = np.percentile(means[sample], _CORE_PERCENTILES, axis=0)
    usual = np.percentile(sizes[sample], _USUAL_SIZES)
    margin = _CORE_MARGIN * (high - low).max()
    inside = ((means >= low - margin) & (means <= high + margin)).all(axis=1)
    means, sizes = means[inside], np.minimum(sizes[inside], usual)
    center = ((means.min(axis=0) + means.max(axis=0)) / 2).astype(np.float32)
    means -= center
    reach = np.sqrt(np.einsum("ij,ij->i", means, means))
    least = max(_LEAST_SHARE * float(np.abs(center).max()), _LEAST_RADIUS)
    return Sphere(center, max(float((reach + _SPREAD * sizes).max()), least))


def to_unit_sphere(cloud: GaussianCloud, sphere: Sphere) -> GaussianCloud:
    """The cloud moved and scaled so that `sphere` becomes the unit sphere at the origin.

    Gaussians wider than the sphere are left out: they would lie over everything like fog.
    """
    clear = cloud.scales.max(axis=1) <= _WIDEST * sphere.radius
    if not clear.all():
        cloud = cloud.take(clear)
    scale = np.float32(1 / sphere.radius)
    return GaussianCloud(
        means=(cloud.means - sphere.center) * scale,
        quats=cloud.quats,
        scales=cloud.scales * scale,
        opacities=cloud.opacities,
        sh0=cloud.sh0,
        shN=cloud.shN,
    )


def _visible(cloud: GaussianCloud) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The centres [M, 3] and longest standard deviations [M] of those that can be seen.

    In double precision: squares of float32 may overflow.
    """
    sizes = cloud.scales.max(axis=1)
    seen = cloud.opacities > VISIBLE_OPACITY
    seen &= np.isfinite(sizes) & np.isfinite(cloud.means).all(axis=1)
    return cloud.means[seen].astype(np.float64), sizes[seen]
