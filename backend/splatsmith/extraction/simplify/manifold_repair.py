"""Restore a manifold, two faces at every edge, where edge collapses have pinched the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..array_types import Indices
from ..surface.triangle_surface import Surface, vertex_normals

_ROUNDS = 10

Numbers = NDArray[np.intp]


def repair_manifold(surface: Surface, offset: float) -> Surface:
    """`surface` without duplicate faces, its vertices split where sheets touch.

    Args:
        offset: by which vertices that were one are moved apart, so that they stay two in a file.
    """
    surface = Surface(surface.vertices, _remove_duplicates(surface.faces))
    surface = _split_fans(surface, offset, 1)
    first, second = _non_manifold_pairs(surface)
    if len(first):  # pairing the flattest faces did not separate the sheets: pair the most bent
        surface = _split_fans(surface, offset, -1)
        first, second = _non_manifold_pairs(surface)
    for _ in range(_ROUNDS):
        if not len(first):
            break
        surface = _split_edges(surface, _disjoint_pairs(first, second), offset)
        first, second = _non_manifold_pairs(surface)
    return separate_coincident_vertices(_fill_triangular_holes(surface), offset)


def _non_manifold_pairs(surface: Surface) -> tuple[Numbers, Numbers]:
    """As `_opposite_half_edges`, of edges with more than two faces."""
    return _opposite_half_edges(surface.vertices, surface.faces, 1, only_non_manifold=True)


def _disjoint_pairs(first: Numbers, second: Numbers) -> list[tuple[int, int]]:
    """Pairs of half-edges of which no two touch a common face."""
    chosen: list[tuple[int, int]] = []
    taken: set[int] = set()
    for pair in zip(first.tolist(), second.tolist(), strict=True):
        faces = {edge // 3 for edge in pair}
        if not faces & taken:
            chosen.append(pair)
            taken |= faces
    return chosen


def _split_edges(surface: Surface, pairs: list[tuple[int, int]], offset: float) -> Surface:
    """Give each pair of faces at a non-manifold edge a new vertex at the edge's midpoint."""
    vertices, faces = surface.vertices, surface.faces
    midpoints: list[NDArray[np.float32]] = []
    new: list[tuple[int, int, int]] = []
    for pair in pairs:
        corners = [np.roll(faces[edge // 3], -(edge % 3)) for edge in pair]
        normals = _face_normals(vertices, np.array(corners)).sum(axis=0)
        m = len(vertices) + len(midpoints)
        midpoints.append(vertices[corners[0][:2]].mean(axis=0) - np.float32(offset) * normals)
        new += [face for s, e, top in corners for face in ((s, m, top), (m, e, top))]
    kept = np.delete(faces, [edge // 3 for pair in pairs for edge in pair], axis=0)
    return Surface(
        np.concatenate([vertices, np.array(midpoints, np.float32)]),
        np.concatenate([kept, np.array(new, np.int32)]),
    )


def _fill_triangular_holes(surface: Surface) -> Surface:
    """Add a face in each hole of three edges that belong to three different faces."""
    holes = [
        starts
        for starts, faces in _boundary_loops(surface)
        if len(starts) == 3 and len(set(faces)) == 3
    ]
    new = np.array(sorted(holes), np.int32).reshape(-1, 3)
    return Surface(surface.vertices, np.concatenate([surface.faces, new]))


def close_boundaries(surface: Surface) -> Surface:
    """`surface` with a fan of faces around a new vertex in each of its holes."""
    vertices, faces = [surface.vertices], [surface.faces]
    for number, (loop, _) in enumerate(_boundary_loops(surface)):
        center = np.full(len(loop), len(surface.vertices) + number)
        vertices.append(surface.vertices[loop].mean(axis=0, keepdims=True))
        faces.append(np.stack([loop, np.roll(loop, -1), center], axis=1).astype(np.int32))
    return Surface(np.concatenate(vertices), np.concatenate(faces))


def _boundary_loops(surface: Surface) -> list[tuple[list[int], list[int]]]:
    """The vertices of each hole, wound as faces in it would be, and the face beside each edge.

    Each begins at its least vertex. Every vertex has one fan of faces.
    """
    starts, ends = surface.faces.ravel(), surface.faces[:, [1, 2, 0]].ravel()
    _, numbers, counts = _group_rows(np.minimum(starts, ends), np.maximum(starts, ends))
    boundary = np.flatnonzero(counts[numbers] == 1)
    # The boundary of a hole runs against the winding of the faces around it.
    following = {int(ends[edge]): (int(starts[edge]), int(edge) // 3) for edge in boundary}
    loops: list[tuple[list[int], list[int]]] = []
    for first in sorted(following):
        vertices, faces, vertex = [], [], first
        while vertex in following:
            after, face = following.pop(vertex)
            vertices.append(vertex)
            faces.append(face)
            vertex = after
        if vertex == first and vertices:
            loops.append((vertices, faces))
    return loops


def separate_coincident_vertices(surface: Surface, offset: float) -> Surface:
    """Move vertices that share a position towards the centres of their own faces."""
    _, numbers, counts = _group_rows(*surface.vertices.T)
    is_coincident = counts[numbers] > 1
    coincident = np.flatnonzero(is_coincident)
    if not len(coincident):
        return surface
    vertices = surface.vertices.copy()
    sums, corners = np.zeros_like(vertices), np.zeros(len(vertices), np.float32)
    touching = surface.faces[is_coincident[surface.faces].any(axis=1)]
    for i in range(3):
        np.add.at(sums, touching[:, i], vertices[touching].mean(axis=1))
        np.add.at(corners, touching[:, i], 1)
    inward = sums[coincident] / np.maximum(corners[coincident], 1)[:, None] - vertices[coincident]
    # Coincident vertices whose faces have the same centre differ by their rank.
    ranks = np.arange(1, len(coincident) + 1, dtype=np.float32)[:, None] / len(coincident)
    length = np.linalg.norm(inward, axis=1, keepdims=True)
    vertices[coincident] += np.float32(offset) * (inward / np.maximum(length, 1e-20) + 0.5 * ranks)
    return Surface(vertices, surface.faces)


def _split_fans(surface: Surface, offset: float, bending: int) -> Surface:
    """Give each fan of faces around a vertex a vertex of its own."""
    vertices, faces = surface.vertices, surface.faces
    corners = _corner_fans(vertices, faces, bending)
    sources = np.zeros(int(corners.max(initial=-1)) + 1, np.int32)
    sources[corners] = faces.ravel()
    split = Surface(vertices[sources], corners.reshape(-1, 3).astype(np.int32))
    shared = np.bincount(sources, minlength=len(vertices))[sources] > 1
    if shared.any():
        split.vertices[shared] -= np.float32(offset) * vertex_normals(split)[shared]
    return split


def _remove_duplicates(faces: Indices) -> Indices:
    """Drop faces with a repeated vertex, and pairs of coincident faces of opposite winding."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    ordered = np.sort(faces, axis=1)
    least = np.argmin(faces, axis=1)
    rolled = np.take_along_axis(faces, (least[:, None] + np.arange(3)) % 3, axis=1)
    sign = np.where((rolled == ordered).all(axis=1), 1, -1)
    first, numbers, _ = _group_rows(*ordered.T)
    net = np.bincount(numbers, sign)
    kept = rolled[first[net != 0]]
    flipped = sign[first] != np.sign(net)
    kept[flipped[net != 0]] = kept[flipped[net != 0]][:, ::-1]
    return kept


def _group_rows(*columns: NDArray) -> tuple[Numbers, Numbers, Numbers]:
    """Equal rows [N] of `columns`, groups in lexicographic order.

    The first row of every group, the group of every row, and the size of every group.
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


def _corner_fans(vertices: NDArray[np.float32], faces: Indices, bending: int) -> NDArray[np.int32]:
    """[3 F] the fan of each corner: faces around a vertex that are connected by edges."""
    first, second = _opposite_half_edges(vertices, faces, bending)
    # Half-edge e runs from corner e to the next corner of its face.
    after = np.arange(3 * len(faces)).reshape(-1, 3)[:, [1, 2, 0]].ravel()
    ends = (np.concatenate([first, after[first]]), np.concatenate([after[second], second]))
    links = coo_matrix((np.ones(len(ends[0]), np.bool_), ends), shape=(3 * len(faces),) * 2)
    return connected_components(links, directed=False)[1]


def _opposite_half_edges(
    vertices: NDArray[np.float32],
    faces: Indices,
    bending: int,
    *,
    only_non_manifold: bool = False,
) -> tuple[Numbers, Numbers]:
    """Half-edges and their opposites; by `bending` (see `_pair_by_angle`) among several."""
    starts, ends = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    forward = starts < ends
    keys = np.minimum(starts, ends).astype(np.int64) * len(vertices) + np.maximum(starts, ends)
    order = np.argsort(2 * keys + forward, kind="stable")
    groups = np.flatnonzero(np.diff(keys[order], prepend=-1))
    counts = np.diff(groups, append=len(keys))
    simple = groups[(counts == 2) & (not only_non_manifold)]
    simple = simple[forward[order[simple]] != forward[order[simple + 1]]]
    first, second = [order[simple]], [order[simple + 1]]
    for start, count in zip(groups[counts > 2], counts[counts > 2], strict=True):
        edges = order[start : start + count]
        pairs = _pair_by_angle(
            Surface(vertices, faces), edges[~forward[edges]], edges[forward[edges]], bending
        )
        first.append(pairs[0])
        second.append(pairs[1])
    return np.concatenate(first), np.concatenate(second)


def _pair_by_angle(
    surface: Surface, backward: Numbers, forward: Numbers, bending: int
) -> tuple[Numbers, Numbers]:
    """Pair the half-edges of one edge, each with the remaining one whose faces are flattest.

    Args:
        bending: 1; or -1 for the most bent faces.
    """
    vertices, faces = surface.vertices, surface.faces
    chosen: list[tuple[int, int]] = []
    remaining = list(forward)
    for edge in backward[: len(remaining)]:
        cosines = (
            _face_normals(vertices, faces[np.array(remaining) // 3])
            @ _face_normals(vertices, faces[[edge // 3]]).ravel()
        )
        chosen.append((int(edge), int(remaining.pop(int((bending * cosines).argmax())))))
    pairs = np.array(chosen, np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _face_normals(vertices: NDArray[np.float32], faces: Indices) -> NDArray[np.float32]:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
