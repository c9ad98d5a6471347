"""Surfaces where every edge has two faces again, after edge collapses have pinched them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..surface.triangle_surface import Surface, vertex_normals

_ROUNDS = 10

Pairs = NDArray[np.intp]


def repair_manifold(surface: Surface, apart: float) -> Surface:
    """`surface` without doubled faces, and with vertices split where sheets touch.

    Args:
        apart: how far vertices that were one are drawn back, so that they stay two in a file.
    """
    surface = Surface(surface.vertices, _without_doubles(surface.faces))
    surface = _split(surface, apart, 1)
    crowded = _crowded(surface)
    if len(crowded[0]):  # where the straightest pairs do not part the sheets, the others may
        surface = _split(surface, apart, -1)
        crowded = _crowded(surface)
    for _ in range(_ROUNDS):
        if not len(crowded[0]):
            break
        surface = _with_detours(surface, _apart(*crowded), apart)
        crowded = _crowded(surface)
    return separate_coincident_vertices(_without_gaps(surface), apart)


def _crowded(surface: Surface) -> tuple[Pairs, Pairs]:
    """As `_paired`, where more than two faces meet."""
    return _paired(surface.vertices, surface.faces, 1, only_crowded=True)


def _apart(here: Pairs, there: Pairs) -> list[tuple[int, int]]:
    """Pairs of half-edges of which no two share an edge's face."""
    chosen: list[tuple[int, int]] = []
    taken: set[int] = set()
    for pair in zip(here.tolist(), there.tolist(), strict=True):
        faces = {edge // 3 for edge in pair}
        if not faces & taken:
            chosen.append(pair)
            taken |= faces
    return chosen


def _with_detours(surface: Surface, pairs: list[tuple[int, int]], apart: float) -> Surface:
    """Each two faces at a crowded edge get an edge of their own, by a vertex in its middle."""
    vertices, faces = surface.vertices, surface.faces
    middles: list[NDArray[np.float32]] = []
    new: list[tuple[int, int, int]] = []
    for pair in pairs:
        corners = [np.roll(faces[edge // 3], -(edge % 3)) for edge in pair]
        inwards = _normals(vertices, np.array(corners)).sum(axis=0)
        m = len(vertices) + len(middles)
        middles.append(vertices[corners[0][:2]].mean(axis=0) - np.float32(apart) * inwards)
        new += [face for s, e, top in corners for face in ((s, m, top), (m, e, top))]
    kept = np.delete(faces, [edge // 3 for pair in pairs for edge in pair], axis=0)
    return Surface(
        np.concatenate([vertices, np.array(middles, np.float32)]),
        np.concatenate([kept, np.array(new, np.int32)]),
    )


def _without_gaps(surface: Surface) -> Surface:
    """With a triangle in every hole that three faces leave between them."""
    starts, ends = surface.faces.ravel(), surface.faces[:, [1, 2, 0]].ravel()
    _, numbers, counts = _grouped(np.minimum(starts, ends), np.maximum(starts, ends))
    rims = np.flatnonzero(counts[numbers] == 1)
    # A hole's rim runs the other way round than its faces'.
    after = {int(ends[edge]): (int(starts[edge]), int(edge) // 3) for edge in rims}
    gaps: set[tuple[int, ...]] = set()
    for a, (b, first) in after.items():
        c, second = after.get(b, (a, first))
        back, third = after.get(c, (b, first))
        if back == a and len({first, second, third}) == 3:
            gaps.add(min((a, b, c), (b, c, a), (c, a, b)))
    new = np.array(sorted(gaps), np.int32).reshape(-1, 3)
    return Surface(surface.vertices, np.concatenate([surface.faces, new]))


def separate_coincident_vertices(surface: Surface, apart: float) -> Surface:
    """No two vertices in one place: those that are drawn towards the middle of their own faces."""
    _, numbers, counts = _grouped(*surface.vertices.T)
    is_crowded = counts[numbers] > 1
    crowded = np.flatnonzero(is_crowded)
    if not len(crowded):
        return surface
    vertices = surface.vertices.copy()
    sums, corners = np.zeros_like(vertices), np.zeros(len(vertices), np.float32)
    touching = surface.faces[is_crowded[surface.faces].any(axis=1)]
    for i in range(3):
        np.add.at(sums, touching[:, i], vertices[touching].mean(axis=1))
        np.add.at(corners, touching[:, i], 1)
    inwards = sums[crowded] / np.maximum(corners[crowded], 1)[:, None] - vertices[crowded]
    # Where the faces have no middle of their own either, the order tells the vertices apart.
    ranks = np.arange(1, len(crowded) + 1, dtype=np.float32)[:, None] / len(crowded)
    length = np.linalg.norm(inwards, axis=1, keepdims=True)
    vertices[crowded] += np.float32(apart) * (inwards / np.maximum(length, 1e-20) + 0.5 * ranks)
    return Surface(vertices, surface.faces)


def _split(surface: Surface, apart: float, bending: int) -> Surface:
    vertices, faces = surface.vertices, surface.faces
    corners = _fans(vertices, faces, bending)
    origins = np.zeros(int(corners.max(initial=-1)) + 1, np.int32)
    origins[corners] = faces.ravel()
    split = Surface(vertices[origins], corners.reshape(-1, 3).astype(np.int32))
    shared = np.bincount(origins, minlength=len(vertices))[origins] > 1
    if shared.any():
        split.vertices[shared] -= np.float32(apart) * vertex_normals(split)[shared]
    return split


def _without_doubles(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Drop faces with a vertex twice, and pairs of faces that lie on one another back to back."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    ordered = np.sort(faces, axis=1)
    at_least = np.argmin(faces, axis=1)
    rolled = np.take_along_axis(faces, (at_least[:, None] + np.arange(3)) % 3, axis=1)
    sign = np.where((rolled == ordered).all(axis=1), 1, -1)
    first, numbers, _ = _grouped(*ordered.T)
    net = np.bincount(numbers, sign)
    kept = rolled[first[net != 0]]
    turned = sign[first] != np.sign(net)
    kept[turned[net != 0]] = kept[turned[net != 0]][:, ::-1]
    return kept


def _grouped(*columns: NDArray) -> tuple[Pairs, Pairs, Pairs]:
    """Equal rows [N] of `columns`, the groups in the rows' order.

    The first row of every group, the group of every row, and each group's size.
    """
    order = np.lexsort(columns[::-1])
    begins = np.zeros(len(order), np.bool_)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[order[1:]] != column[order[:-1]]
    numbers = np.empty(len(order), np.intp)
    numbers[order] = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    return order[starts], numbers, np.diff(starts, append=len(order))


def _fans(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], bending: int
) -> NDArray[np.int32]:
    """The number [3 F] of each corner's vertex, one for every fan of faces joined by edges."""
    here, there = _paired(vertices, faces, bending)
    # Half-edge e runs from corner e to the next corner of its face.
    after = np.arange(3 * len(faces)).reshape(-1, 3)[:, [1, 2, 0]].ravel()
    ends = (np.concatenate([here, after[here]]), np.concatenate([after[there], there]))
    links = coo_matrix((np.ones(len(ends[0]), np.bool_), ends), shape=(3 * len(faces),) * 2)
    return connected_components(links, directed=False)[1]


def _paired(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    bending: int,
    *,
    only_crowded: bool = False,
) -> tuple[Pairs, Pairs]:
    """Half-edges and their opposites; where more than two faces meet, those least bent."""
    starts, ends = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    forward = starts < ends
    keys = np.minimum(starts, ends).astype(np.int64) * len(vertices) + np.maximum(starts, ends)
    order = np.argsort(2 * keys + forward, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    counts = np.diff(first, append=len(keys))
    simple = first[(counts == 2) & (not only_crowded)]
    simple = simple[forward[order[simple]] != forward[order[simple + 1]]]
    here, there = [order[simple]], [order[simple + 1]]
    for start, count in zip(first[counts > 2], counts[counts > 2], strict=True):
        meeting = order[start : start + count]
        sides = (meeting[~forward[meeting]], meeting[forward[meeting]])
        pairs = _least_bent(vertices, faces, sides, bending)
        here.append(pairs[0])
        there.append(pairs[1])
    return np.concatenate(here), np.concatenate(there)


def _least_bent(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    sides: tuple[Pairs, Pairs],
    bending: int,
) -> tuple[Pairs, Pairs]:
    """Pair the half-edges of one edge, each with the straightest one left (-1: the least so)."""
    backward, forward = sides
    chosen: list[tuple[int, int]] = []
    left = list(forward)
    for edge in backward[: len(left)]:
        straight = (
            _normals(vertices, faces[np.array(left) // 3])
            @ _normals(vertices, faces[[edge // 3]]).ravel()
        )
        chosen.append((int(edge), int(left.pop(int((bending * straight).argmax())))))
    pairs = np.array(chosen, np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
