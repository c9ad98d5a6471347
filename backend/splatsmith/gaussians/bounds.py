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


@dataclass(frozen=True)
class Sphere:
    """center [3], radius > 0."""

    center: NDArray[np.float32]
    radius: float


def bounding_sphere(cloud: GaussianCloud) -> Sphere:
    """A sphere around all Gaussians that can be seen, except those far from most others.

    Raises:
        ValueError: none can be seen.
    """
    seen = np.flatnonzero(cloud.opacities > VISIBLE_OPACITY)
    if not len(seen):
        raise ValueError("the cloud has no Gaussian that can be seen")
    means = cloud.means[seen]
    low, high = np.percentile(means, _CORE_PERCENTILES, axis=0)
    margin = _CORE_MARGIN * (high - low).max() + 1e-6
    inside = ((means >= low - margin) & (means <= high + margin)).all(axis=1)
    means, sizes = means[inside], cloud.scales[seen][inside].max(axis=1)
    center = (means.min(axis=0) + means.max(axis=0)) / 2
    reach = np.linalg.norm(means - center, axis=1)
    # The body of a few huge, faint Gaussians must not shrink everything else to a dot.
    body = _SPREAD * np.minimum(sizes, np.percentile(sizes, 95))
    return Sphere(center.astype(np.float32), float(max((reach + body).max(), 1e-6)))


def to_unit_sphere(cloud: GaussianCloud, sphere: Sphere) -> GaussianCloud:
    """The cloud moved and scaled so that `sphere` becomes the unit sphere at the origin."""
    scale = np.float32(1 / sphere.radius)
    return GaussianCloud(
        means=(cloud.means - sphere.center) * scale,
        quats=cloud.quats,
        scales=cloud.scales * scale,
        opacities=cloud.opacities,
        sh0=cloud.sh0,
        shN=cloud.shN,
    )
