"""The triangles of a marching cubes cell for each of the 256 cases of corners inside.

Corner c of the unit cell is at (c & 1, c >> 1 & 1, c >> 2). The table is computed: on each face of
the cell, segments separate the inside corners from the outside ones; segments are joined to loops,
and loops are triangulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Loop = tuple[int, ...]  # the cell's edges, in order
Triangle = tuple[int, int, int]

# Edge e runs from EDGE_CORNERS[e] along EDGE_AXES[e].
_EDGES = [(corner, axis) for axis in range(3) for corner in range(8) if not corner >> axis & 1]
EDGE_CORNERS = np.array([corner for corner, _ in _EDGES])
EDGE_AXES = np.array([axis for _, axis in _EDGES])


def _edge_between(a: int, b: int) -> int:
    return _EDGES.index((min(a, b), (a ^ b).bit_length() - 1))


def _faces() -> Iterator[tuple[int, int, int, int]]:
    """The corners of the cell's six faces, counter-clockwise seen from outside."""
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        yield 0, v, u | v, u
        top = 1 << axis
        yield top, top | u, top | u | v, top | v


_FACES = list(_faces())
_FACES_OF_EDGE = [
    {f for f, face in enumerate(_FACES) if corner in face and corner | 1 << axis in face}
    for corner, axis in _EDGES
]


def _segments(inside: int) -> dict[int, int]:
    """From edge to edge, around the inside corners of each face."""
    found: dict[int, int] = {}
    for face in _FACES:
        for i in range(4):
            before, corner = face[i - 1], face[i]
            if inside >> corner & 1 and not inside >> before & 1:
                j = i  # end of the run of inside corners that starts at i
                while inside >> face[(j + 1) % 4] & 1:
                    j += 1
                leaving = _edge_between(face[j % 4], face[(j + 1) % 4])
                found[leaving] = _edge_between(before, corner)
    return found


def _loops(inside: int) -> Iterator[Loop]:
    segments = _segments(inside)
    while segments:
        start, following = segments.popitem()
        loop = [start]
        while following != start:
            loop.append(following)
            following = segments.pop(following)
        yield tuple(loop)


def _triangulations(loop: Loop) -> Iterator[list[Triangle]]:
    if len(loop) < 3:
        yield []
        return
    first, last = loop[0], loop[-1]
    for i in range(1, len(loop) - 1):
        for left in _triangulations(loop[: i + 1]):
            for right in _triangulations(loop[i:]):
                yield [(last, loop[i], first), *left, *right]


def _share_face(a: int, b: int) -> bool:
    return bool(_FACES_OF_EDGE[a] & _FACES_OF_EDGE[b])


def _triangles(loop: Loop) -> list[Triangle]:
    """A triangulation without diagonals in the cell's faces, where a neighbour's might coincide."""
    sides = {frozenset(pair) for pair in zip(loop, loop[1:] + loop[:1], strict=True)}

    def has_no_face_diagonal(triangles: list[Triangle]) -> bool:
        pairs = {frozenset((t[i], t[i - 1])) for t in triangles for i in range(3)}
        return not any(_share_face(*pair) for pair in pairs - sides)

    return next(filter(has_no_face_diagonal, _triangulations(loop)))


@cache
def cell_table() -> NDArray[np.int8]:
    """[256, T, 3] the edges that hold the triangles' corners, by inside corners; -1 is padding."""
    cells = [[t for loop in _loops(inside) for t in _triangles(loop)] for inside in range(256)]
    table = np.full((256, max(map(len, cells)), 3), -1, np.int8)
    for inside, triangles in enumerate(cells):
        if triangles:
            table[inside, : len(triangles)] = triangles
    return table
