"""Whether an object is its own mirror image, left to right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

_SAMPLES = 20_000
_PLANE_SAMPLES = 5_000
_SHARE = 99.9  # per cent of the surface that must have its counterpart: details count
_REACH = 99.8  # per cent: what lies further out are details
_UNEVEN = 4.0  # tolerances
_SEED = 0


def find_mirror_plane(points: NDArray[np.float32]) -> float:
    """The x of the plane in which `points` [N, 3] come closest to their mirror image."""
    tree, plane = _tree(points), float(np.median(points[:, 0]))
    sample = _sample(points, _PLANE_SAMPLES)
    for _ in range(6):  # iterated closest points in one dimension
        mirrored = sample * np.array([-1, 1, 1], np.float32)
        mirrored[:, 0] += np.float32(2 * plane)
        nearest = points[tree.query(mirrored, workers=-1)[1]]
        plane += 0.5 * float(np.median(nearest[:, 0] - mirrored[:, 0]))
    return plane


def is_symmetric(points: NDArray[np.float32], plane: float, tolerance: float) -> bool:
    """Whether nearly all of `points` [N, 3] have a counterpart across x = `plane`."""
    left, right = np.percentile(points[:, 0] - plane, (100 - _REACH, _REACH))
    if abs(left + right) > _UNEVEN * tolerance:  # it reaches further to one side
        return False
    mirrored = _sample(points, _SAMPLES) * np.array([-1, 1, 1], np.float32)
    mirrored[:, 0] += np.float32(2 * plane)
    distances = _tree(points).query(mirrored, workers=-1)[0]
    return bool(np.percentile(distances, _SHARE) <= tolerance)


def _tree(points: NDArray[np.float32]) -> KDTree:
    """Made in a third of the time that a balanced one takes, and asked little."""
    return KDTree(points, compact_nodes=False, balanced_tree=False)


def _sample(points: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    random = np.random.default_rng(_SEED)
    return points[random.choice(len(points), min(count, len(points)), replace=False)]
