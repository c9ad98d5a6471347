"""The half-edges of a triangle mesh, by number.

Half-edge 3 f + c runs from corner c of face f to the next one. A star is all that leave one vertex.
"""

from __future__ import annotations

from ...gaussians.numba_jit import jit
from ..surface.adjacency import Indices


@jit()
def start_vertex(faces: Indices, edge: int) -> int:
    return faces[edge // 3, edge % 3]


@jit()
def end_vertex(faces: Indices, edge: int) -> int:
    return faces[edge // 3, (edge + 1) % 3]


@jit()
def opposite_vertex(faces: Indices, edge: int) -> int:
    """The third corner of the half-edge's face; from there half-edge `inward` comes back."""
    return faces[edge // 3, (edge + 2) % 3]


@jit()
def inward(edge: int) -> int:
    return 3 * (edge // 3) + (edge + 2) % 3


@jit()
def has_edge(faces: Indices, star: Indices, end: int) -> bool:
    """Whether a half-edge runs from the vertex of `star` to `end`."""
    for edge in star:  # noqa: SIM110 - numba has no any()
        if end_vertex(faces, edge) == end:
            return True
    return False


@jit()
def is_adjacent(faces: Indices, star: Indices, other: int) -> bool:
    for edge in star:  # noqa: SIM110 - numba has no any()
        if end_vertex(faces, edge) == other or opposite_vertex(faces, edge) == other:
            return True
    return False
