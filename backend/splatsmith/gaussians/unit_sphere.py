"""Clouds brought to one size and place, for rendering and extraction."""

from __future__ import annotations

import numpy as np

from ..contract.bounds import Sphere, max_scales
from ..contract.cloud import GaussianCloud

_MAX_SIGMA = 1.0  # in radii: wider Gaussians are fog, not surface
_MAX_DISTANCE = 1e3  # from the centre, in radii, along any axis: farther ones cannot be made out


def to_unit_sphere(cloud: GaussianCloud, sphere: Sphere) -> GaussianCloud:
    """The cloud moved and scaled so that `sphere` becomes the unit sphere at the origin.

    Gaussians wider than the sphere, or too far away to be made out, are left out.
    """
    kept = max_scales(cloud) <= _MAX_SIGMA * sphere.radius
    with np.errstate(over="ignore"):
        for axis, middle in zip(cloud.means.T, sphere.center, strict=True):
            kept &= np.abs(axis - middle) <= _MAX_DISTANCE * sphere.radius
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
