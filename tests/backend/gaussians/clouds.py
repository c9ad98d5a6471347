"""Clouds to test with."""

from __future__ import annotations

import numpy as np

from splatsmith.contract.cloud import GaussianCloud


def random_cloud(count: int, degree: int = 0, seed: int = 0, size: float = 0.05) -> GaussianCloud:
    """Gaussians of about `size` in the unit ball, of random colour, shape and opacity."""
    random = np.random.default_rng(seed)
    quats = random.normal(size=(count, 4))
    directions = random.normal(size=(count, 3))
    radii = random.uniform(size=(count, 1)) ** (1 / 3)
    arrays = {
        "means": radii * directions / np.linalg.norm(directions, axis=1, keepdims=True),
        "quats": quats / np.linalg.norm(quats, axis=1, keepdims=True),
        "scales": size * np.exp(0.5 * random.normal(size=(count, 3))),
        "opacities": random.uniform(0.02, 0.99, count),
        "sh0": random.normal(size=(count, 3)),
        "shN": 0.1 * random.normal(size=(count, (degree + 1) ** 2 - 1, 3)),
    }
    return GaussianCloud(**{name: array.astype(np.float32) for name, array in arrays.items()})


def joined(left: GaussianCloud, right: GaussianCloud) -> GaussianCloud:
    """The concatenation of both."""
    return GaussianCloud(
        *(
            np.concatenate([getattr(left, name), getattr(right, name)])
            for name in ("means", "quats", "scales", "opacities", "sh0", "shN")
        )
    )


def shell(count: int, radius: float = 1.0, opacity: float = 0.9, seed: int = 0) -> GaussianCloud:
    """Flat Gaussians on a sphere, coloured by position: 0.5 + 0.4 p / |p|."""
    random = np.random.default_rng(seed)
    outwards = random.normal(size=(count, 3))
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    # By the half-angle formula, the third axis points outwards.
    quats = np.stack([1 + outwards[:, 2], -outwards[:, 1], outwards[:, 0], np.zeros(count)], axis=1)
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    spread = radius * np.sqrt(4 * np.pi / count)
    colors = 0.5 + 0.4 * outwards
    return GaussianCloud(
        means=(radius * outwards).astype(np.float32),
        quats=quats.astype(np.float32),
        scales=np.tile(np.array([spread, spread, 0.1 * spread], np.float32), (count, 1)),
        opacities=np.full(count, opacity, np.float32),
        sh0=((colors - 0.5) / 0.28209479177387814).astype(np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
