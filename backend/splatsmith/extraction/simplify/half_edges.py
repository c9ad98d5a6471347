"""Half-edges of a triangle mesh, by number.

Half-edge 3 f + i runs from corner i of face f to the next corner. The star of a vertex is the array
of the half-edges that leave it.
"""

from __future__ import annotations

from typing import NamedTuple

from ...gaussians.numba_jit import jit
from ..array_types import Indices


class Stars(NamedTuple):
    """The stars of V vertices: that of v is half_edges[starts[v]:starts[v + 1]]."""

    starts: Indices  # [V + 1]
    half_edges: Indices  # [3 F]


@jit()
def star_of(stars: Stars, vertex: int) -> Indices:
    return stars.half_edges[stars.starts[vertex] : stars.starts[vertex + 1]]


@jit()
def start_vertex(faces: Indices, edge: int) -> int:
    return faces[edge // 3, edge % 3]


@jit()
def end_vertex(faces: Indices, edge: int) -> int:
    return faces[edge // 3, (edge + 1) % 3]


@jit()
def opposite_vertex(faces: Indices, edge: int) -> int:
    """The third corner of the half-edge's face."""
    return faces[edge // 3, (edge + 2) % 3]


@jit()
def previous_edge(edge: int) -> int:
    """The half-edge of the same face that ends where `edge` starts."""
    return 3 * (edge // 3) + (edge + 2) % 3


@jit()
def has_edge(faces: Indices, star: Indices, end: int) -> bool:
    """Whether a half-edge of `star` ends at vertex `end`."""
    for edge in star:  # noqa: SIM110 - numba has no any()
        if end_vertex(faces, edge) == end:
            return True
    return False


@jit()
def is_adjacent(faces: Indices, star: Indices, vertex: int) -> bool:
    """Whether a face around `star` has the other vertex."""
    for edge in star:  # noqa: SIM110 - numba has no any()
        if end_vertex(faces, edge) == vertex or opposite_vertex(faces, edge) == vertex:
            return True
    return False
