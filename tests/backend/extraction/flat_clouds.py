"""Clouds of flat Gaussians at given points of a surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud


def flat_gaussians(
    means: NDArray[np.float64], normals: NDArray[np.float64], size: float
) -> GaussianCloud:
    """Discs of standard deviation `size`, a twentieth as thick; grey."""
    count = len(means)
    # By the half-angle formula, the third axis is the normal; the opposite of Z needs another turn.
    quats = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(count)], axis=1)
    quats[np.linalg.norm(quats, axis=1) < 1e-6] = (0, 1, 0, 0)
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return GaussianCloud(
        means=means.astype(np.float32),
        quats=quats.astype(np.float32),
        scales=np.tile(np.array([size, size, size / 20], np.float32), (count, 1)),
        opacities=np.full(count, 0.97, np.float32),
        sh0=np.zeros((count, 3), np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
