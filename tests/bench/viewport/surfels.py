"""Synthetic clouds of any size: discs on a bumpy ball, like those of a generated asset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SPREAD = 0.6  # standard deviation, by the distance of neighbours
_THICKNESS = 0.15  # of the standard deviation


def surfel_arrays(count: int, degree: int = 0) -> dict[str, NDArray[np.float32]]:
    """The arrays of a `GaussianCloud` by their names there; radius about 1."""
    random = np.random.default_rng(count)
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, i * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    normals = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    bumps = 1 + 0.2 * np.sin(5 * normals[:, :1]) * np.cos(4 * normals[:, 1:2])
    facing = np.where(z < 0, -1, 1)[:, None] * normals  # the quaternion from +Z is defined there
    quats = np.stack([1 + facing[:, 2], -facing[:, 1], facing[:, 0], 0 * z], axis=1)
    spread = _SPREAD * np.sqrt(4 * np.pi / count) * random.uniform(0.5, 1.5, (count, 3))
    colors = 0.5 + 0.35 * np.sin(9 * normals + np.array([0, 2, 4]))
    colors += random.normal(0, 0.08, (count, 3))
    arrays = {
        "means": normals * bumps,
        "quats": quats / np.linalg.norm(quats, axis=1, keepdims=True),
        "scales": spread * [1, 1, _THICKNESS],
        "opacities": random.uniform(0.3, 1, count),
        "sh0": (colors - 0.5) / 0.28209479,
        "shN": random.normal(0, 0.1, (count, (degree + 1) ** 2 - 1, 3)),
    }
    return {name: np.ascontiguousarray(values, np.float32) for name, values in arrays.items()}
