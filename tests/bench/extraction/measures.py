"""How true a mesh is: its surface, its pictures, its faces' sides, its skin, its texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.compiling import Floats, compiled
from training.objects import Mesh

from .mesh_pictures import MeshPictures
from .painting import colors_of

_NEIGHBORS = 24  # Gaussians around a texel among whose colours its own must lie
_STRAY = 24 / 255  # beyond their range
_PROBES = 50_000
_SEED = 0

Points = NDArray[np.float32]  # [N, 3]


@dataclass(frozen=True)
class Likeness:
    """Of two surfaces: share of one that is near the truth, share of the truth that is near it."""

    precision: float
    recall: float

    @property
    def f_score(self) -> float:
        """Their harmonic mean (Knapitsch et al. 2017)."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def likeness(found: Points, truth: Points, wanted: Points, reach: float) -> Likeness:
    """Of points on a surface that was found to points on the true one.

    Args:
        truth: where it may be.
        wanted: where it must be.
        reach: the distance that still counts as near.
    """
    near_truth = KDTree(truth).query(found, distance_upper_bound=reach)[0] <= reach
    near_found = KDTree(found).query(wanted, distance_upper_bound=reach)[0] <= reach
    return Likeness(float(near_truth.mean()), float(near_found.mean()))


def diagonal(points: Points) -> float:
    """Of their bounding box."""
    return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))


def psnr(pictures: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Decibels of pictures [C, H, W, 3] in 0..1, over all of them; at most 99."""
    error = float(np.square(pictures.astype(np.float64) - truth).mean())
    return min(99.0, -10 * np.log10(max(error, 1e-12)))


def inside_out(pictures: MeshPictures) -> float:
    """Share of the visible samples that show a face's back."""
    backs = np.count_nonzero(pictures.seen & ~pictures.fronts)
    return backs / max(np.count_nonzero(pictures.seen), 1)


def is_watertight(mesh: trimesh.Trimesh) -> bool:
    """Whether every edge joins two faces, once vertices in one place are one."""
    vertices, renumbered = np.unique(
        np.asarray(mesh.vertices, np.float32), axis=0, return_inverse=True
    )
    faces = renumbered.reshape(-1)[mesh.faces]
    whole = trimesh.Trimesh(vertices, faces, process=False)
    return bool(whole.is_watertight and whole.is_winding_consistent)


def uv_overlap(mesh: Mesh) -> float:
    """Share of the texels in use whose centre lies within two faces or more."""
    _, height, width = mesh.texture_shape[0]
    counts = np.zeros((height, width), np.uint16)
    _count_covers(mesh.uv * np.float32([width, height]), mesh.faces, counts)
    return float((counts > 1).sum() / max((counts > 0).sum(), 1))


@compiled()
def _count_covers(uv: Floats, faces: NDArray[np.int32], counts: NDArray[np.uint16]) -> None:
    """Add one wherever a texel's centre lies within a face, its edges left out."""
    for f in range(len(faces)):
        a, b, c = uv[faces[f, 0]], uv[faces[f, 1]], uv[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0:
            continue
        edge = 1e-3 / max(1.0, abs(area))
        left, right = int(max(0, min(a[0], b[0], c[0]))), int(max(a[0], b[0], c[0]))
        top, bottom = int(max(0, min(a[1], b[1], c[1]))), int(max(a[1], b[1], c[1]))
        for y in range(top, min(bottom + 1, counts.shape[0])):
            for x in range(left, min(right + 1, counts.shape[1])):
                dx, dy = x + 0.5 - a[0], y + 0.5 - a[1]
                second = (dx * (c[1] - a[1]) - (c[0] - a[0]) * dy) / area
                third = ((b[0] - a[0]) * dy - dx * (b[1] - a[1])) / area
                counts[y, x] += min(second, third, 1 - second - third) > edge


def unpainted(mesh: Mesh, pictures: MeshPictures, cloud: GaussianCloud) -> float:
    """Share of the visible samples with a colour that none of the Gaussians around explains."""
    spots = pictures.spots()
    chosen = np.random.default_rng(_SEED).permutation(len(spots.faces))[:_PROBES]
    spots = spots.take(chosen)
    around = KDTree(cloud.means).query(spots.of(mesh, mesh.vertices), _NEIGHBORS)[1]
    explained = cloud.colors[np.minimum(around, len(cloud) - 1)]
    colors = colors_of(mesh, spots)[:, :3]
    low, high = explained.min(axis=1) - _STRAY, explained.max(axis=1) + _STRAY
    return float(((colors < low) | (colors > high)).any(axis=1).mean())
