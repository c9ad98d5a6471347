"""Clouds block by block: what is computed on the way stays small, and progress is seen."""

from __future__ import annotations

from collections.abc import Iterator

from ..contract.cloud import GaussianCloud
from ..progress import Progress

BLOCK = 1 << 16  # Gaussians


def blocks_of(cloud: GaussianCloud, progress: Progress) -> Iterator[GaussianCloud]:
    """BLOCK rows of `cloud` after the other, not copied.

    Raises:
        Cancelled: from `progress`.
    """
    for start in range(0, len(cloud), BLOCK):
        progress.step(start, len(cloud))
        yield cloud.rows(slice(start, start + BLOCK))
