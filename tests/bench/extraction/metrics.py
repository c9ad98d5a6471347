"""Quality metrics of a mesh: surface, rendering, orientation, watertightness, texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.numba_jit import Floats, Number, jit
from training.objects import Mesh

from .mesh_colors import sample_colors
from .mesh_rendering import MeshRendering

_NEIGHBORS = 24  # Gaussians neighbors a texel, whose range of colours must include its own
_STRAY = 24 / 255  # beyond their range
_PROBES = 50_000
_EDGE = 0.01  # of a texel along a face's border, within float32 precision
_SEED = 0

Points = NDArray[np.float32]  # [N, 3]


@dataclass(frozen=True)
class SurfaceMatch:
    """Precision and recall of a surface, by points on it and on the ground truth.

    Attributes:
        is_precise: [N] whether a point of the surface is near the ground truth.
        is_recalled: [P] whether a point of the ground truth is near the surface.
    """

    is_precise: NDArray[np.bool_]
    is_recalled: NDArray[np.bool_]

    @property
    def precision(self) -> float:
        return np.count_nonzero(self.is_precise) / max(len(self.is_precise), 1)

    @property
    def recall(self) -> float:
        return np.count_nonzero(self.is_recalled) / max(len(self.is_recalled), 1)

    @property
    def f_score(self) -> float:
        """The harmonic mean of both (Knapitsch et al. 2017)."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def restricted_to(self, wanted: NDArray[np.bool_]) -> SurfaceMatch:
        """With recall over the points `wanted` [P] of the ground truth only."""
        return SurfaceMatch(self.is_precise, self.is_recalled[wanted])


def match_surfaces(found: Points, truth: Points, reach: float) -> SurfaceMatch:
    """Match points on a surface to points of the ground truth within `reach`."""
    errors, missed = (
        KDTree(others).query(points, distance_upper_bound=reach)[0]
        for points, others in ((found, truth), (truth, found))
    )
    return SurfaceMatch(np.isfinite(errors), np.isfinite(missed))


def diagonal(points: Points) -> float:
    """Of their bounding box."""
    return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))


def psnr(rendering: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Decibels over images [C, H, W, 3] in 0..1; at most 99."""
    errors = rendering.ravel() - truth.ravel()
    error = float(np.dot(errors, errors)) / len(errors)
    return min(99.0, -10 * np.log10(max(error, 1e-12)))


def backface_share(rendering: MeshRendering) -> float:
    """Share of the visible samples that show back faces."""
    backs = np.count_nonzero(rendering.visible & ~rendering.is_front)
    return backs / max(np.count_nonzero(rendering.visible), 1)


def is_watertight(mesh: trimesh.Trimesh) -> bool:
    """Whether every edge has two faces once coincident vertices are merged."""
    vertices, renumbered = np.unique(
        np.asarray(mesh.vertices, np.float32), axis=0, return_inverse=True
    )
    faces = renumbered.reshape(-1)[mesh.faces]
    degenerate = (faces == np.roll(faces, 1, axis=1)).any(axis=1)  # degenerate
    whole = trimesh.Trimesh(vertices, faces[~degenerate], process=False)
    return bool(whole.is_watertight and whole.is_winding_consistent)


def uv_overlap(mesh: Mesh) -> float:
    """Share of the used texels whose centre lies in two faces or more."""
    _, height, width = mesh.texture_shape[0]
    counts = np.zeros((height, width), np.uint16)
    _count_covers(mesh.uv * np.array([width, height], np.float32), mesh.faces, counts)
    return np.count_nonzero(counts > 1) / max(np.count_nonzero(counts), 1)


@jit()
def _count_covers(uv: Floats, faces: NDArray[np.int32], counts: NDArray[np.uint16]) -> None:
    """Add one for each face that a texel's centre lies strictly inside."""
    for f in range(len(faces)):
        a, b, c = uv[faces[f, 0]], uv[faces[f, 1]], uv[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0:
            continue
        longest = max(_length(a, b), _length(b, c), _length(c, a))
        edge = _EDGE * longest / abs(area)
        left, right = int(max(0, min(a[0], b[0], c[0]))), int(max(a[0], b[0], c[0]))
        top, bottom = int(max(0, min(a[1], b[1], c[1]))), int(max(a[1], b[1], c[1]))
        for y in range(top, min(bottom + 1, counts.shape[0])):
            for x in range(left, min(right + 1, counts.shape[1])):
                dx, dy = x + 0.5 - a[0], y + 0.5 - a[1]
                second = (dx * (c[1] - a[1]) - (c[0] - a[0]) * dy) / area
                third = ((b[0] - a[0]) * dy - dx * (b[1] - a[1])) / area
                counts[y, x] += min(second, third, 1 - second - third) > edge


@jit()
def _length(a: Floats, b: Floats) -> Number:
    return np.sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2)


def stray_color_share(mesh: Mesh, rendering: MeshRendering, cloud: GaussianCloud) -> float:
    """Share of the visible samples with a colour outside the range of the Gaussians neighbors."""
    points = rendering.points()
    chosen = np.random.default_rng(_SEED).permutation(len(points.faces))[:_PROBES]
    points = points.select(chosen)
    neighbors = KDTree(cloud.means).query(points.interpolate(mesh, mesh.vertices), _NEIGHBORS)[1]
    explained = cloud.colors[np.minimum(neighbors, len(cloud) - 1)]
    colors = sample_colors(mesh, points)[:, :3]
    low, high = explained.min(axis=1) - _STRAY, explained.max(axis=1) + _STRAY
    is_stray = ((colors < low) | (colors > high)).any(axis=1)
    return np.count_nonzero(is_stray) / max(len(is_stray), 1)
