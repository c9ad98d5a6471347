"""Several clouds as one."""

from __future__ import annotations

from collections.abc import Iterable

from .cloud import GaussianCloud, empty_cloud

_VECTORS = ("means", "quats", "scales", "opacities", "sh0")


def merge_clouds(clouds: Iterable[GaussianCloud], count: int, degree: int) -> GaussianCloud:
    """One cloud of all Gaussians, in order; the harmonics that a cloud lacks are 0.

    Each cloud is copied before the next one is asked for, so that an iterator may make them one by
    one.

    Args:
        count: of the Gaussians of all clouds together.
        degree: of the result, at least that of every cloud.

    Raises:
        ValueError: the clouds have not `count` Gaussians, or one has a higher degree.
    """
    merged = empty_cloud(count, degree)
    filled = 0
    for cloud in clouds:
        rows = slice(filled, filled + len(cloud))
        filled = rows.stop
        if filled > count or cloud.degree > degree:
            raise ValueError(f"{filled} Gaussians of degree {cloud.degree} for {count}, {degree}")
        for name in _VECTORS:
            getattr(merged, name)[rows] = getattr(cloud, name)
        coefficients = cloud.shN.shape[1]
        merged.shN[rows, :coefficients] = cloud.shN
        merged.shN[rows, coefficients:] = 0
    if filled != count:
        raise ValueError(f"{filled} Gaussians for {count}")
    return merged
