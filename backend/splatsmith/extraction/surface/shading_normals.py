"""Normals that are smooth but for sharp edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...gaussians.numba_jit import Floats, jit
from .adjacency import (
    Doubles,
    Indices,
    area_vectors,
    find_root,
    group_sums,
    normalized,
    union_corners,
)
from .triangle_surface import Surface

_SHARP = np.float32(np.cos(np.radians(40)))  # between two faces: a sharper edge is seen as one


@dataclass(frozen=True)
class ShadedSurface:
    """A surface whose vertices are split at sharp edges.

    Attributes:
        surface: the faces are the given surface's, in its order.
        normals: [V, 3] unit length, outwards.
        source: [V] the vertex of the given surface that each came from.
    """

    surface: Surface
    normals: Floats
    source: Indices


def split_sharp_edges(surface: Surface, neighbors: Indices) -> ShadedSurface:
    """Split `surface` where faces meet at more than 40 degrees; faces weigh by their area.

    Args:
        neighbors: [F, 3] the face beyond each edge, as `face_neighbors` finds them.
    """
    vectors = area_vectors(surface.vertices, surface.faces)
    corners = _smooth_fans(surface.faces, neighbors, normalized(vectors))
    unique, faces = np.unique(corners, return_inverse=True)
    source = surface.faces.reshape(-1)[unique]
    normals = group_sums(faces.reshape(-1), np.repeat(vectors, 3, axis=0), len(unique))
    split = Surface(surface.vertices[source], faces.reshape(-1, 3).astype(np.int32))
    return ShadedSurface(split, _upright(normals), source)


def _upright(normals: Doubles) -> Floats:
    """At unit length; corners of faces without an area look up, for files must have a normal."""
    nowhere = ~(np.einsum("ij,ij->i", normals, normals) > 0)
    normals[nowhere] = (0, 1, 0)
    # Areas are tiny: only scaled up are they within reach of float32.
    return normalized(normals / np.abs(normals).max(axis=1, keepdims=True))


@jit()
def _smooth_fans(faces: Indices, neighbors: Indices, normals: Floats) -> Indices:
    """One corner, 3 * face + place [F, 3], to stand for all that share a vertex and its normal."""
    leader = np.arange(faces.size).astype(np.int32)
    for face in range(len(faces)):
        for i in range(3):
            other = neighbors[face, i]
            if other >= face and not _is_sharp(normals[face], normals[other]):
                union_corners(leader, faces, face, i, other)
    for corner in range(len(leader)):
        leader[corner] = find_root(leader, corner)
    return leader.reshape(faces.shape)


@jit()
def _is_sharp(a: Floats, b: Floats) -> bool:
    cosine = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    # A face without an area has no normal, and no edge of it is sharp.
    return cosine < _SHARP and (a != 0).any() and (b != 0).any()
