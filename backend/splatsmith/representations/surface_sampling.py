"""Points spread evenly over a triangle surface."""

from __future__ import annotations

import numpy as np

from ..extraction.sampling.poisson_disk import poisson_disk_sample
from ..extraction.surface.triangle_surface import Surface
from ..gaussians.numba_jit import Floats
from ..progress import Progress

_CANDIDATES = 5  # for each point
_SEED = 0  # the same surface gives the same points


def area_of(surface: Surface) -> float:
    return float(np.linalg.norm(_normals(surface), axis=1).sum() / 2)


def sample_evenly(surface: Surface, count: int, progress: Progress) -> Floats:
    """Positions [count, 3], by Poisson disk sampling.

    Raises:
        Cancelled: between two parts of the work.
    """
    random = np.random.default_rng(_SEED)
    normals = _normals(surface)
    areas = np.linalg.norm(normals, axis=1)
    ends = np.cumsum(areas, dtype=np.float64)
    # Systematic sampling: every face gets its share of candidates, to within one.
    shares = (np.arange(_CANDIDATES * count) + random.random()) / (_CANDIDATES * count)
    faces = np.minimum(np.searchsorted(ends, shares * ends[-1]), len(ends) - 1)
    u, v = random.random((2, len(faces), 1), np.float32)
    root = np.sqrt(u)
    a, b, c = (surface.vertices[surface.faces[faces, corner]] for corner in range(3))
    points = (1 - root) * a + root * (1 - v) * b + root * v * c
    unit = normals[faces] / np.maximum(areas[faces, None], np.float32(1e-30))
    return points[poisson_disk_sample(points, unit, count, progress)]


def _normals(surface: Surface) -> Floats:
    """[F, 3], twice as long as the faces' areas."""
    a, b, c = (surface.vertices[surface.faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)
