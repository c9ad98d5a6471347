"""Several clouds as one, and harmonics of another degree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..contract.cloud import GaussianCloud
from ..contract.merging import merge_clouds


def merged(clouds: Sequence[GaussianCloud]) -> GaussianCloud:
    """All Gaussians of `clouds`, of the highest degree among them; of one, itself."""
    if len(clouds) == 1:
        return clouds[0]
    degree = max((cloud.degree for cloud in clouds), default=0)
    return merge_clouds(clouds, sum(map(len, clouds)), degree)


def limited_degree(cloud: GaussianCloud, degree: int) -> GaussianCloud:
    """`cloud` without the harmonics above `degree`."""
    return replace(cloud, shN=cloud.shN[:, : (degree + 1) ** 2 - 1])
