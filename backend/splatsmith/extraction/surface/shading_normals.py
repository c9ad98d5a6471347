"""Vertex normals for shading: smooth across faces, split at sharp edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...gaussians.numba_jit import Floats, jit
from ..array_types import Doubles, Indices
from .adjacency import area_vectors, find_root, group_sums, normalized, union_corners
from .triangle_surface import Surface

_SHARP_COSINE = np.float32(np.cos(np.radians(40)))  # between the normals of two faces


@dataclass(frozen=True)
class ShadedSurface:
    """A surface whose vertices are split at sharp edges.

    Attributes:
        surface: its faces are those of the given surface, in the same order.
        normals: [V, 3] unit length, outward.
        source: [V] the given surface's vertex that each one is a copy of.
    """

    surface: Surface
    normals: Floats
    source: Indices


def split_sharp_edges(surface: Surface, neighbors: Indices) -> ShadedSurface:
    """Split vertices where faces meet at more than 40 degrees; normals are weighted by area.

    Args:
        neighbors: [F, 3], the `face_neighbors`.
    """
    vectors = area_vectors(surface.vertices, surface.faces)
    corners = _smoothing_groups(surface.faces, neighbors, normalized(vectors))
    unique, faces = np.unique(corners, return_inverse=True)
    source = surface.faces.reshape(-1)[unique]
    normals = group_sums(faces.reshape(-1), np.repeat(vectors, 3, axis=0), len(unique))
    split = Surface(surface.vertices[source], faces.reshape(-1, 3).astype(np.int32))
    return ShadedSurface(split, _unit_normals(normals), source)


def _unit_normals(normals: Doubles) -> Floats:
    """At unit length; (0, 1, 0) where all faces are degenerate, since files need a normal."""
    undefined = ~(np.einsum("ij,ij->i", normals, normals) > 0)
    normals[undefined] = (0, 1, 0)
    # Scaled up first: squares of tiny areas would underflow in float32.
    return normalized(normals / np.abs(normals).max(axis=1, keepdims=True))


@jit()
def _smoothing_groups(faces: Indices, neighbors: Indices, normals: Floats) -> Indices:
    """[F, 3]: for each corner, 3 * face + i, the representative of those that share a normal."""
    parents = np.arange(faces.size).astype(np.int32)
    for face in range(len(faces)):
        for i in range(3):
            neighbor = neighbors[face, i]
            if neighbor >= face and not _is_sharp(normals[face], normals[neighbor]):
                union_corners(parents, faces, face, i, neighbor)
    for corner in range(len(parents)):
        parents[corner] = find_root(parents, corner)
    return parents.reshape(faces.shape)


@jit()
def _is_sharp(a: Floats, b: Floats) -> bool:
    cosine = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    # A degenerate face has no normal, so that none of its edges is sharp.
    return cosine < _SHARP_COSINE and (a != 0).any() and (b != 0).any()
