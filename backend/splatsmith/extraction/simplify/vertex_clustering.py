"""Vertex clustering (Rossignac and Borrel 1993): a coarser surface, whatever its topology."""

from __future__ import annotations

import numpy as np

from ..array_types import Indices, Mask
from ..surface.adjacency import face_neighbors
from ..surface.triangle_surface import Surface
from .manifold_repair import close_boundaries, repair_manifold


def cluster_vertices(surface: Surface, cell: float, offset: float) -> Surface:
    """`surface` with the vertices in each cube of width `cell` merged at their mean.

    Handles and gaps narrower than a cell close; thin parts, whose faces coincide then, vanish.
    Boundary vertices are merged among themselves: a boundary in a plane stays in it. A surface
    without a boundary stays without.

    Args:
        offset: as in `repair_manifold`.
    """
    place = np.floor(surface.vertices / np.float32(cell)).astype(np.int64)
    on_boundary = _on_boundary(surface.faces, len(place))
    keys = np.column_stack([place, on_boundary])
    _, clusters, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    clusters = clusters.reshape(-1).astype(np.int32)
    sums = [np.bincount(clusters, axis, len(counts)) for axis in surface.vertices.T]
    vertices = (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32)
    clustered = repair_manifold(Surface(vertices, clusters[surface.faces]), offset).compact()
    return clustered if on_boundary.any() else close_boundaries(clustered)


def _on_boundary(faces: Indices, count: int) -> Mask:
    """[count] whether an edge without a face across it ends at each vertex."""
    face, corner = np.nonzero(face_neighbors(faces) < 0)
    on_boundary = np.zeros(count, np.bool_)
    on_boundary[faces[face, corner]] = True
    on_boundary[faces[face, (corner + 1) % 3]] = True
    return on_boundary
