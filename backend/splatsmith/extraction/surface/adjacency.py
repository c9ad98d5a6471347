"""Adjacency of the faces of a triangle mesh, and sums over groups of faces."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..array_types import Doubles, Indices

_TINY = np.float32(1e-30)


def face_neighbors(faces: Indices) -> Indices:
    """[F, 3]: the face across each edge, from corner i to the next one; -1 if there is none.

    There is none at a boundary, at an edge of more than two faces, and at one whose two faces are
    wound inconsistently.
    """
    starts = faces.astype(np.int64)
    ends = np.roll(starts, -1, axis=1)
    low, high = np.minimum(starts, ends).reshape(-1), np.maximum(starts, ends).reshape(-1)
    forward = (starts < ends).reshape(-1)
    keys = low * (int(faces.max(initial=0)) + 1) + high
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    padded = np.zeros(len(same) + 2, np.bool_)
    padded[1:-1] = same
    # Exactly two half-edges: the keys before and after the pair differ.
    is_pair = same & ~padded[:-2] & ~padded[2:]
    first, second = order[:-1][is_pair], order[1:][is_pair]
    consistent = (forward[first] != forward[second]) & (low[first] != high[first])
    first, second = first[consistent], second[consistent]
    neighbors = np.full(faces.size, -1, np.int32)
    neighbors[first], neighbors[second] = second // 3, first // 3
    return neighbors.reshape(-1, 3)


def area_vectors(vertices: Floats, faces: Indices) -> Floats:
    """[F, 3]: each face's normal times its area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return (np.cross(b - a, c - a) / 2).astype(np.float32)


def normalized(vectors: Floats | Doubles) -> Floats:
    """`vectors` [..., 3] at unit length; zero vectors stay zero."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return (vectors / np.maximum(length, _TINY)).astype(np.float32)


def group_sums(groups: NDArray[np.integer], vectors: Floats | Doubles, count: int) -> Doubles:
    """Sums [count, 3] of `vectors` [N, 3] over the elements of each group; `groups` [N]."""
    sums = np.empty((count, 3), np.float64)
    for axis in range(3):
        sums[:, axis] = np.bincount(groups, vectors[:, axis], count)
    return sums


def group_starts(groups: NDArray[np.integer], count: int) -> Integers:
    """[count + 1]: where each group 0..count - 1 starts in sorted `groups` [N], and the end."""
    return np.searchsorted(groups, np.arange(count + 1)).astype(np.int64)


@jit()
def group_members(groups: Indices, count: int) -> tuple[Indices, Indices]:
    """Counting sort of `groups` [N]: starts [count + 1] and members [N].

    The members of group g, ascending, are members[starts[g]:starts[g + 1]].
    """
    starts = np.zeros(count + 1, np.int32)
    for group in groups:
        starts[group] += 1
    total = 0
    for group in range(count + 1):
        total += starts[group]
        starts[group] = total
    members = np.empty(len(groups), np.int32)
    for member in range(len(groups) - 1, -1, -1):
        starts[groups[member]] -= 1
        members[starts[groups[member]]] = member
    return starts, members


@jit()
def find_root(parents: Indices, element: int) -> int:
    """Union-find: the representative of `element`'s set, with path halving."""
    while parents[element] != element:
        parents[element] = parents[parents[element]]
        element = parents[element]
    return element


@jit()
def union_corners(parents: Indices, faces: Indices, face: int, edge: int, neighbor: int) -> None:
    """Merge the sets of the corners, 3 * face + i, that two faces share at an edge's ends.

    Args:
        parents: union-find over all corners [3 F].
        edge: of `face`, from that corner to the next one.
        neighbor: the face across it.
    """
    for corner in (edge, (edge + 1) % 3):
        for other in range(3):
            if faces[neighbor, other] == faces[face, corner]:
                one = find_root(parents, 3 * face + corner)
                two = find_root(parents, 3 * neighbor + other)
                parents[max(one, two)] = min(one, two)


@jit(parallel=True)
def smooth_face_vectors(vectors: Floats, neighbors: Indices) -> Floats:
    """One round of smoothing: neighbours' vectors [F, 3] added, weighted by max(0, cosine).

    Neighbours across a right angle add nothing, so that sharp edges stay.
    """
    out = vectors.copy()
    for face in numba.prange(len(neighbors)):
        own = vectors[face]
        for neighbor in neighbors[face]:
            if neighbor >= 0:
                other = vectors[neighbor]
                cosine = _dot(own, other) / max(_length(own) * _length(other), _TINY)
                # A degenerate face takes its neighbours' vectors whole.
                weight = max(cosine, np.float32(0)) if _length(own) > 0 else np.float32(1)
                for axis in range(3):
                    out[face, axis] += weight * other[axis]
    return out


@jit()
def _dot(a: Floats, b: Floats) -> Number:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@jit()
def _length(vector: Floats) -> Number:
    return np.sqrt(_dot(vector, vector))
