"""Which faces of a triangle mesh lie side by side, and how they lie."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit

Indices = NDArray[np.int32]
Doubles = NDArray[np.float64]
_TINY = np.float32(1e-30)


def face_neighbors(faces: Indices) -> Indices:
    """[F, 3]: the face beyond each edge, from corner i to the next; -1 where the skin ends.

    It ends at boundaries, where more than two faces meet, and where two face opposite ways.
    """
    starts = faces.astype(np.int64)
    ends = np.roll(starts, -1, axis=1)
    low, high = np.minimum(starts, ends).reshape(-1), np.maximum(starts, ends).reshape(-1)
    forwards = (starts < ends).reshape(-1)
    keys = low * (int(faces.max(initial=0)) + 1) + high
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    crowded = np.zeros(len(same) + 2, np.bool_)
    crowded[1:-1] = same
    # A pair of equal keys counts if neither the key before nor the one after is the same.
    alone = same & ~crowded[:-2] & ~crowded[2:]
    first, second = order[:-1][alone], order[1:][alone]
    facing = (forwards[first] != forwards[second]) & (low[first] != high[first])
    first, second = first[facing], second[facing]
    beyond = np.full(faces.size, -1, np.int32)
    beyond[first], beyond[second] = second // 3, first // 3
    return beyond.reshape(-1, 3)


def area_vectors(vertices: Floats, faces: Indices) -> Floats:
    """[F, 3]: along each face's normal, as long as its area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return (np.cross(b - a, c - a) / 2).astype(np.float32)


def normalized(vectors: Floats | Doubles) -> Floats:
    """`vectors` [..., 3] at length 1; those of no length stay."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return (vectors / np.maximum(length, _TINY)).astype(np.float32)


def group_sums(groups: NDArray[np.integer], vectors: Floats | Doubles, count: int) -> Doubles:
    """The sums [count, 3] of the vectors [N, 3] of every group [N]."""
    sums = np.empty((count, 3), np.float64)
    for axis in range(3):
        sums[:, axis] = np.bincount(groups, vectors[:, axis], count)
    return sums


def group_starts(groups: NDArray[np.integer], count: int) -> Integers:
    """Where in sorted `groups` [N] each of 0 to count - 1 begins, and the end, [count + 1]."""
    return np.searchsorted(groups, np.arange(count + 1)).astype(np.int64)


@jit()
def group_members(groups: Indices, count: int) -> tuple[Indices, Indices]:
    """The members of each of `count` groups [N], in order: members[starts[g]:starts[g + 1]]."""
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
def find_root(leader: Indices, member: int) -> int:
    """The first of a member's set, of sets as trees: each member's leader leads on to the first."""
    while leader[member] != member:
        leader[member] = leader[leader[member]]
        member = leader[member]
    return member


@jit()
def union_corners(leader: Indices, faces: Indices, face: int, edge: int, beyond: int) -> None:
    """Make one set of the corners, 3 * face + place, in which two faces meet at an edge's ends.

    Args:
        edge: of `face`, from that corner to the next; `beyond` is the face across it.
    """
    for corner in (edge, (edge + 1) % 3):
        for other in range(3):
            if faces[beyond, other] == faces[face, corner]:
                one = find_root(leader, 3 * face + corner)
                two = find_root(leader, 3 * beyond + other)
                leader[max(one, two)] = min(one, two)


@jit(parallel=True)
def smooth_face_vectors(vectors: Floats, neighbors: Indices) -> Floats:
    """Each face's vector [F, 3] with those of its neighbours added, less the more they turn away.

    What lies across a right angle adds nothing, so that edges stay.
    """
    out = vectors.copy()
    for face in numba.prange(len(neighbors)):
        own = vectors[face]
        for other in neighbors[face]:
            if other >= 0:
                theirs = vectors[other]
                cosine = _dot(own, theirs) / max(_length(own) * _length(theirs), _TINY)
                # A face without an area takes all that its neighbours have.
                weight = max(cosine, np.float32(0)) if _length(own) > 0 else np.float32(1)
                for axis in range(3):
                    out[face, axis] += weight * theirs[axis]
    return out


@jit()
def _dot(a: Floats, b: Floats) -> Number:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@jit()
def _length(vector: Floats) -> Number:
    return np.sqrt(_dot(vector, vector))
