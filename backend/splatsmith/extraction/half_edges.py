"""The half-edges of a triangle mesh, by number, and which of them leave each vertex.

Half-edge 3 f + c runs from corner c of face f to the next one.
"""

from __future__ import annotations

import numpy as np

from ..gaussians.compiling import compiled
from .adjacency import Indices


@compiled()
def stars_of(faces: Indices, count: int) -> tuple[Indices, Indices]:
    """The half-edges that leave each of `count` vertices: around[starts[v]:starts[v + 1]]."""
    ends = np.zeros(count + 1, np.int32)
    for face in range(len(faces)):
        for corner in range(3):
            ends[faces[face, corner]] += 1
    total = 0
    for vertex in range(count + 1):
        total += ends[vertex]
        ends[vertex] = total
    around = np.empty(3 * len(faces), np.int32)
    for face in range(len(faces) - 1, -1, -1):
        for corner in range(3):
            ends[faces[face, corner]] -= 1
            around[ends[faces[face, corner]]] = 3 * face + corner
    return ends, around


@compiled()
def start_of(faces: Indices, edge: int) -> int:
    return faces[edge // 3, edge % 3]


@compiled()
def end_of(faces: Indices, edge: int) -> int:
    return faces[edge // 3, (edge + 1) % 3]


@compiled()
def top_of(faces: Indices, edge: int) -> int:
    """The third corner of the half-edge's face; from there half-edge `inward` comes back."""
    return faces[edge // 3, (edge + 2) % 3]


@compiled()
def inward(edge: int) -> int:
    return 3 * (edge // 3) + (edge + 2) % 3


@compiled()
def has_edge(faces: Indices, star: Indices, end: int) -> bool:
    """Whether a half-edge runs from the vertex of `star` to `end`."""
    for edge in star:  # noqa: SIM110 - numba has no any()
        if end_of(faces, edge) == end:
            return True
    return False


@compiled()
def is_beside(faces: Indices, star: Indices, other: int) -> bool:
    for edge in star:  # noqa: SIM110 - numba has no any()
        if end_of(faces, edge) == other or top_of(faces, edge) == other:
            return True
    return False
