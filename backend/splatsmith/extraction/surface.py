"""From a distance volume to a clean triangle mesh of a given size."""

from __future__ import annotations

from dataclasses import dataclass

import fast_simplification
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from .volume import DistanceVolume

_SMOOTHING = 0.7  # voxels: takes the stairs, keeps the edges
_LEAST_SHARE = 0.005  # of the whole area: smaller pieces are crumbs


@dataclass(frozen=True)
class Surface:
    """vertices [V, 3] float32; faces [F, 3] int32, counter-clockwise from outside."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


def isosurface(volume: DistanceVolume) -> Surface | None:
    """Where the distance is 0, in the cube [-1, 1]^3; None if it is nowhere."""
    smooth = gaussian_filter(volume.distances, _SMOOTHING)
    if not smooth.min() < 0 < smooth.max():
        return None
    vertices, faces, _, _ = marching_cubes(smooth, 0.0, gradient_direction="descent")
    return Surface((vertices * volume.voxel - 1).astype(np.float32), faces.astype(np.int32))


def without_crumbs(surface: Surface) -> Surface | None:
    """Drop pieces too small to matter, and hollows inside others; None if nothing is left."""
    piece = _pieces(surface)[surface.faces[:, 0]]
    a, b, c = (surface.vertices[surface.faces[:, i]].astype(np.float64) for i in range(3))
    cross = np.cross(b - a, c - a)
    areas = np.bincount(piece, np.linalg.norm(cross, axis=1) / 2)
    volumes = np.bincount(piece, np.einsum("ij,ij->i", a, cross) / 6)
    kept = (areas >= _LEAST_SHARE * areas.sum()) & (volumes > 0)
    faces = surface.faces[kept[piece]]
    return _compact(surface.vertices, faces) if len(faces) else None


def within_budget(surface: Surface, faces: int) -> Surface:
    """The same surface with at most about `faces` triangles (quadric edge collapse)."""
    if len(surface.faces) <= faces:
        return surface
    simplified = fast_simplification.simplify(
        surface.vertices.astype(np.float64), surface.faces, target_count=faces
    )
    return _compact(simplified[0].astype(np.float32), simplified[1].astype(np.int32))


def vertex_normals(surface: Surface) -> NDArray[np.float32]:
    """Unit normals [V, 3], faces weighted by area."""
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros_like(surface.vertices)
    for i in range(3):
        np.add.at(normals, surface.faces[:, i], cross)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)


def _pieces(surface: Surface) -> NDArray[np.int32]:
    """The number [V] of the connected piece of every vertex."""
    ends = surface.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    count = len(surface.vertices)
    links = coo_matrix((np.ones(len(ends), np.bool_), ends.T), shape=(count, count))
    return connected_components(links, directed=False)[1]


def _compact(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Surface:
    used, renumbered = np.unique(faces, return_inverse=True)
    return Surface(vertices[used], renumbered.reshape(-1, 3).astype(np.int32))
