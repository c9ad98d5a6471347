"""A synthetic cloud of any size, for measuring speed.

python -m tests.bench.extraction.synthetic_clouds GAUSSIANS CLOUD
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.creation import box, revolve, torus
from trimesh.transformations import rotation_matrix, translation_matrix

from splatsmith.contract.cloud import GaussianCloud, write_cloud
from training.objects import Mesh

from .mesh_colors import to_mesh
from .profiled_process import ProcessCost, peak_memory, report_cost
from .surface_sampling import face_areas, stratified_points, surface_splats

_LEG = ((0.0, 0.0), (0.05, 0.0), (0.03, 0.2), (0.06, 0.35), (0.04, 0.5), (0.06, 0.7), (0.0, 0.7))
_VASE = (
    (0.0, 0.0), (0.12, 0.0), (0.2, 0.15), (0.16, 0.35), (0.09, 0.45), (0.13, 0.55),
    (0.11, 0.55), (0.07, 0.45), (0.14, 0.35), (0.18, 0.15), (0.1, 0.02), (0.0, 0.02),
)  # fmt: skip
_FINEST_EDGE = 0.04


def furniture() -> Mesh:
    """A chair with turned legs and thin slats, a vase and a ring on its seat; Y up."""
    upright = rotation_matrix(-np.pi / 2, (1, 0, 0))
    parts = [box((0.9, 0.06, 0.9), translation_matrix((0, 0.7, 0)))]
    for x, z in ((-0.38, -0.38), (0.38, -0.38), (-0.38, 0.38), (0.38, 0.38)):
        parts.append(revolve(_LEG, sections=48, transform=translation_matrix((x, 0, z)) @ upright))
    for x in np.linspace(-0.38, 0.38, 6):
        parts.append(box((0.06, 0.8, 0.025), translation_matrix((x, 1.13, -0.4))))
    parts.append(box((0.9, 0.1, 0.04), translation_matrix((0, 1.55, -0.4))))
    parts.append(
        revolve(_VASE, sections=96, transform=translation_matrix((0.1, 0.73, 0)) @ upright)
    )
    parts.append(torus(0.14, 0.03, transform=translation_matrix((-0.22, 0.77, 0.2)) @ upright))
    mesh = trimesh.util.concatenate(parts).subdivide_to_size(_FINEST_EDGE, max_iter=12)
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=_grain(np.asarray(mesh.vertices)))
    return to_mesh(mesh)


def _grain(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours [V, 3]: wood rings and slowly varying hues."""
    rings = 0.5 + 0.5 * np.sin(40 * points[:, 1] + 6 * np.sin(5 * points[:, 0]))
    hues = 0.5 + 0.5 * np.cos(points @ np.diag([3, 2, 4]) + (0, 2, 4))
    colors = np.clip(0.2 + 0.5 * hues + 0.3 * rings[:, None], 0, 1)
    return (255 * colors).astype(np.uint8)


def extent_and_area() -> tuple[float, float]:
    """Longest side and surface area of the object."""
    mesh = furniture()
    return float(np.ptp(mesh.vertices, axis=0).max()), float(face_areas(mesh).sum())


def synthetic_cloud(count: int) -> GaussianCloud:
    """`count` Gaussians on the object; deterministic."""
    random = np.random.default_rng(count)
    mesh = furniture()
    return surface_splats(mesh, stratified_points(mesh, count, random), random)


if __name__ == "__main__":
    write_cloud(Path(sys.argv[2]), synthetic_cloud(int(sys.argv[1])))
    report_cost(ProcessCost({}, peak_memory(), 0))
