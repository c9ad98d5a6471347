"""Bare triangle meshes, and what is dropped of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

_CRUMB = 0.003  # of the whole area: more is no crumb
_CRUMBS = 0.015  # of the whole area: so much, in the smallest pieces, is dropped


@dataclass(frozen=True)
class Surface:
    """vertices [V, 3] float32; faces [F, 3] int32, counter-clockwise from outside."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def compact(self) -> Surface:
        """Without vertices that no face uses."""
        used = np.zeros(len(self.vertices), np.bool_)
        used[self.faces] = True
        numbers = np.cumsum(used, dtype=np.int32) - 1
        return Surface(self.vertices[used], numbers[self.faces])


def without_crumbs(surface: Surface, plane: float, closed: bool) -> Surface:
    """Drop the smallest pieces as long as little is lost and, if `closed`, hollows inside others.

    Args:
        plane: the x at which the surface may be cut open.
    """
    piece = _pieces(surface)[surface.faces[:, 0]]
    from_plane = surface.vertices - np.array([plane, 0, 0], np.float32)
    a, b, c = (from_plane[surface.faces[:, i]].astype(np.float64) for i in range(3))
    cross = np.cross(b - a, c - a)
    areas = np.bincount(piece, np.linalg.norm(cross, axis=1) / 2)
    volumes = np.bincount(piece, np.einsum("ij,ij->i", a, cross) / 6)
    order = areas.argsort()
    kept = np.empty(len(areas), np.bool_)
    kept[order] = np.cumsum(areas[order]) > _CRUMBS * areas.sum()
    kept |= areas > _CRUMB * areas.sum()
    if closed:
        kept &= volumes > 0
    return Surface(surface.vertices, surface.faces[kept[piece]]).compact()


def vertex_normals(surface: Surface) -> NDArray[np.float32]:
    """Unit normals [V, 3], faces weighted by area."""
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros(surface.vertices.shape, np.float64)
    for i in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(surface.faces[:, i], cross[:, axis], len(normals))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, 1e-20)).astype(np.float32)


def _pieces(surface: Surface) -> NDArray[np.int32]:
    """The number [V] of the connected piece of every vertex."""
    ends = surface.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    count = len(surface.vertices)
    links = coo_matrix((np.ones(len(ends), np.bool_), ends.T), shape=(count, count))
    return connected_components(links, directed=False)[1]
