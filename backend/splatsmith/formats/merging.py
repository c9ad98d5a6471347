"""Several clouds as one, and harmonics of another degree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..contract.cloud import GaussianCloud, empty_cloud


def merged(clouds: Sequence[GaussianCloud]) -> GaussianCloud:
    """All Gaussians of `clouds`, of the highest degree among them; of one, itself."""
    if len(clouds) == 1:
        return clouds[0]
    degree = max((cloud.degree for cloud in clouds), default=0)
    out = empty_cloud(sum(map(len, clouds)), degree)
    start = 0
    for cloud in clouds:
        rows = slice(start, start + len(cloud))
        for name in ("means", "quats", "scales", "opacities", "sh0"):
            getattr(out, name)[rows] = getattr(cloud, name)
        k = cloud.shN.shape[1]
        out.shN[rows, :k] = cloud.shN
        out.shN[rows, k:] = 0
        start = rows.stop
    return out


def limited_degree(cloud: GaussianCloud, degree: int) -> GaussianCloud:
    """`cloud` without the harmonics above `degree`."""
    return replace(cloud, shN=cloud.shN[:, : (degree + 1) ** 2 - 1])
