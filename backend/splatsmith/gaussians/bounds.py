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
_FARTHEST = 1e3  # from the centre, in radii, along any axis: nothing so far away can be made out
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
    if not len(sizes):
        raise ValueError("the cloud has no Gaussian that can be seen")
    sample = slice(None, None, 1 + len(sizes) // _SAMPLE)
    low, high = np.percentile(means[:, sample], _CORE_PERCENTILES, axis=1, keepdims=True)
    usual = np.percentile(sizes[sample], _USUAL_SIZES)
    margin = _CORE_MARGIN * (high - low).max()
    inside = ((means >= low - margin) & (means <= high + margin)).all(axis=0)
    means, sizes = means[:, inside], np.minimum(sizes[inside], usual)
    center = ((means.min(axis=1) + means.max(axis=1)) / 2).astype(np.float32)
    means -= center[:, None]
    reach = np.sqrt((means * means).sum(axis=0)) + _SPREAD * sizes
    least = max(_LEAST_SHARE * float(np.abs(center).max()), _LEAST_RADIUS)
    return Sphere(center, max(float(reach.max()), least))


def to_unit_sphere(cloud: GaussianCloud, sphere: Sphere) -> GaussianCloud:
    """The cloud moved and scaled so that `sphere` becomes the unit sphere at the origin.

    Left out are Gaussians wider than the sphere, which would lie over everything like fog, and
    those too far away to be made out.
    """
    kept = _longest(cloud) <= _WIDEST * sphere.radius
    with np.errstate(over="ignore"):
        for axis, middle in zip(cloud.means.T, sphere.center, strict=True):
            kept &= np.abs(axis - middle) <= _FARTHEST * sphere.radius
    if not kept.all():
        cloud = cloud.select(kept)
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
    """The centres [3, M] and longest standard deviations [M] of those that can be seen.

    In double precision: squares of float32 may overflow.
    """
    sizes = _longest(cloud)
    seen = cloud.opacities > VISIBLE_OPACITY
    for values in (sizes, *cloud.means.T):
        seen &= np.isfinite(values)
    return np.stack([axis[seen] for axis in cloud.means.T]).astype(np.float64), sizes[seen]


def _longest(cloud: GaussianCloud) -> NDArray[np.float32]:
    """[N]; column by column, which numpy does ten times as fast as row by row."""
    x, y, z = cloud.scales.T
    return np.maximum(np.maximum(x, y), z)
