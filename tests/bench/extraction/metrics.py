"""How true a mesh is: its surface, its pictures, its faces' sides, its skin, its texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.numba_jit import Floats, Number, jit
from training.objects import Mesh

from .mesh_colors import colors_of
from .mesh_rendering import MeshPictures

_NEIGHBORS = 24  # Gaussians around a texel among whose colours its own must lie
_STRAY = 24 / 255  # beyond their range
_PROBES = 50_000
_EDGE = 0.01  # of a texel along a face's border, where float32 no longer tells the sides apart
_SEED = 0

Points = NDArray[np.float32]  # [N, 3]


@dataclass(frozen=True)
class Likeness:
    """Of a surface to the true one, by points on both.

    Attributes:
        right: [N] whether a point that was found is near the true surface.
        got: [P] whether a point of the truth is near the surface that was found.
    """

    right: NDArray[np.bool_]
    got: NDArray[np.bool_]

    @property
    def precision(self) -> float:
        return np.count_nonzero(self.right) / max(len(self.right), 1)

    @property
    def recall(self) -> float:
        return np.count_nonzero(self.got) / max(len(self.got), 1)

    @property
    def f_score(self) -> float:
        """The harmonic mean of both (Knapitsch et al. 2017)."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def wanting(self, wanted: NDArray[np.bool_]) -> Likeness:
        """The same when only the points `wanted` [P] of the truth need be found."""
        return Likeness(self.right, self.got[wanted])


def likeness(found: Points, truth: Points, reach: float) -> Likeness:
    """Of points on a surface to points on the true one; `reach` still counts as near."""
    gaps, misses = (
        KDTree(there).query(here, distance_upper_bound=reach)[0]
        for here, there in ((found, truth), (truth, found))
    )
    return Likeness(np.isfinite(gaps), np.isfinite(misses))


def diagonal(points: Points) -> float:
    """Of their bounding box."""
    return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))


def psnr(pictures: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Decibels of pictures [C, H, W, 3] in 0..1, over all of them; at most 99."""
    gaps = pictures.ravel() - truth.ravel()
    error = float(np.dot(gaps, gaps)) / len(gaps)
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
    slit = (faces == np.roll(faces, 1, axis=1)).any(axis=1)  # two corners in one place: no area
    whole = trimesh.Trimesh(vertices, faces[~slit], process=False)
    return bool(whole.is_watertight and whole.is_winding_consistent)


def uv_overlap(mesh: Mesh) -> float:
    """Share of the texels in use whose centre lies within two faces or more."""
    _, height, width = mesh.texture_shape[0]
    counts = np.zeros((height, width), np.uint16)
    _count_covers(mesh.uv * np.array([width, height], np.float32), mesh.faces, counts)
    return np.count_nonzero(counts > 1) / max(np.count_nonzero(counts), 1)


@jit()
def _count_covers(uv: Floats, faces: NDArray[np.int32], counts: NDArray[np.uint16]) -> None:
    """Add one wherever a texel's centre lies within a face, its edges left out."""
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


def unpainted(mesh: Mesh, pictures: MeshPictures, cloud: GaussianCloud) -> float:
    """Share of the visible samples with a colour that none of the Gaussians around explains."""
    spots = pictures.spots()
    chosen = np.random.default_rng(_SEED).permutation(len(spots.faces))[:_PROBES]
    spots = spots.take(chosen)
    around = KDTree(cloud.means).query(spots.of(mesh, mesh.vertices), _NEIGHBORS)[1]
    explained = cloud.colors[np.minimum(around, len(cloud) - 1)]
    colors = colors_of(mesh, spots)[:, :3]
    low, high = explained.min(axis=1) - _STRAY, explained.max(axis=1) + _STRAY
    strays = ((colors < low) | (colors > high)).any(axis=1)
    return np.count_nonzero(strays) / max(len(strays), 1)
