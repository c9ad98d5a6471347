"""Mirror symmetry of an object about a plane x = const."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

_SAMPLES = 20_000
_PLANE_SAMPLES = 5_000
_ITERATIONS = 6
_MATCHED_PERCENT = 99.9  # of the points must have a counterpart: small details count
_EXTENT_PERCENT = 99.8  # points beyond are ignored in comparing the extents of both sides
_EXTENT_TOLERANCE = 4.0  # tolerances
_SEED = 0


def find_mirror_plane(points: NDArray[np.float32]) -> float:
    """x of the plane that best maps `points` [N, 3] onto their mirror image.

    Iterated closest points (Besl and McKay 1992) in one dimension.
    """
    tree, plane = _tree(points), float(np.median(points[:, 0]))
    sample = _sample(points, _PLANE_SAMPLES)
    for _ in range(_ITERATIONS):
        mirrored = sample * np.array([-1, 1, 1], np.float32)
        mirrored[:, 0] += np.float32(2 * plane)
        nearest = points[tree.query(mirrored, workers=-1)[1]]
        plane += 0.5 * float(np.median(nearest[:, 0] - mirrored[:, 0]))
    return plane


def is_symmetric(points: NDArray[np.float32], plane: float, tolerance: float) -> bool:
    """Whether nearly all of `points` [N, 3] have a counterpart across x = `plane`."""
    extents = (100 - _EXTENT_PERCENT, _EXTENT_PERCENT)
    left, right = np.percentile(points[:, 0] - plane, extents)
    if abs(left + right) > _EXTENT_TOLERANCE * tolerance:
        return False
    mirrored = _sample(points, _SAMPLES) * np.array([-1, 1, 1], np.float32)
    mirrored[:, 0] += np.float32(2 * plane)
    distances = _tree(points).query(mirrored, workers=-1)[0]
    return bool(np.percentile(distances, _MATCHED_PERCENT) <= tolerance)


def _tree(points: NDArray[np.float32]) -> KDTree:
    """Unbalanced: built in a third of the time, which the few queries do not take back."""
    return KDTree(points, compact_nodes=False, balanced_tree=False)


def _sample(points: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    random = np.random.default_rng(_SEED)
    return points[random.choice(len(points), min(count, len(points)), replace=False)]
