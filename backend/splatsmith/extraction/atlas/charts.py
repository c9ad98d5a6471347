"""A surface cut into charts: connected pieces, each flat enough to be seen whole from one side.

Small patches grow from evenly spread seeds; neighbouring ones are then joined for as long as the
union still faces one way, the flattest and roundest unions first.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..surface.adjacency import (
    Doubles,
    Indices,
    area_vectors,
    face_neighbors,
    group_members,
    group_sums,
    normalized,
    smooth_face_vectors,
)
from ..surface.triangle_surface import Surface

_PATCHES = 500  # that a surface is cut into at first, about
_SMOOTHING = 4  # rounds: single faces that stick out must not make charts of their own
_PATCH_CONE = np.float32(np.cos(np.radians(35)))
_CHART_CONE = np.float32(np.cos(np.radians(52)))  # of the smoothed normals around their mean
_STEEPEST = np.float32(np.cos(np.radians(78)))  # of every single face: it must not fold over
_BENDING = np.float32(8)  # how much longer a way is when it leaves its seed's plane
_CRUMB = 0.004  # of the area: smaller charts are joined wherever nothing folds over
_LARGEST, _FLAT = 0.06, 0.1  # of the area: charts beyond it pack badly, unless their cone is flat
_ROUNDNESS = 0.4  # what a ragged outline counts for, beside a wide cone
_BORDER_ROUNDS = 6
_TINY = np.float32(1e-20)


@dataclass(frozen=True)
class FaceGraph:
    """What is known of the faces of a surface, F of each.

    neighbors [F, 3]; centers, normals and smooth normals [F, 3], unit length; areas [F];
    edges [F, 3], the lengths of those that `neighbors` lie beyond.
    """

    neighbors: Indices
    centers: Floats
    normals: Floats
    smooth: Floats
    areas: Floats
    edges: Floats

    @staticmethod
    def of(surface: Surface) -> FaceGraph:
        neighbors = face_neighbors(surface.faces)
        vectors = area_vectors(surface.vertices, surface.faces)
        areas = np.linalg.norm(vectors, axis=1)
        smooth = vectors
        for _ in range(_SMOOTHING):
            smooth = smooth_face_vectors(smooth, neighbors)
        smooth = normalized(smooth)
        normals = np.where(areas[:, None] > 0, normalized(vectors), smooth)
        corners = surface.vertices[surface.faces]
        edges = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        return FaceGraph(neighbors, corners.mean(axis=1), normals, smooth, areas, edges)


def segment_charts(graph: FaceGraph) -> Indices:
    """The chart [F] of every face, numbered from 0, as few as the cone allows."""
    chart = _grow_patches(graph)
    chart = _join(graph, chart, _CHART_CONE, 1.0)
    for _ in range(_BORDER_ROUNDS):
        _straighten(graph.neighbors, graph.normals, chart, chart_normals(graph, chart))
    chart = _join(graph, chart, _CHART_CONE, 1.0)
    return _join(graph, chart, np.float32(-1), _CRUMB)


def chart_normals(graph: FaceGraph, chart: Indices) -> Floats:
    """The mean normals [C, 3] of charts, by area."""
    return normalized(group_sums(chart, graph.areas[:, None] * graph.normals, int(chart.max()) + 1))


def _grow_patches(graph: FaceGraph) -> Indices:
    chart = np.full(len(graph.areas), -1, np.int32)
    distance = np.full(len(chart), np.inf, np.float32)
    cell = np.float32(np.sqrt(graph.areas.sum() / _PATCHES)) + np.float32(1e-12)
    count = 0
    while (left := np.flatnonzero(chart < 0)).size:
        seeds = _spread_seeds(graph, left, cell)
        _flood(
            graph.neighbors,
            (graph.centers, graph.normals, graph.smooth),
            seeds,
            count,
            (chart, distance),
        )
        count += len(seeds)
    return renumber(chart)


def _spread_seeds(graph: FaceGraph, left: NDArray[np.intp], cell: np.float32) -> Integers:
    """The flattest face of those `left` in every cell of a grid and for each of six directions."""
    place = np.floor(graph.centers[left] / cell).astype(np.int64)
    place -= place.min(axis=0)
    side = np.abs(graph.smooth[left]).argmax(axis=1)
    side = 2 * side + (np.take_along_axis(graph.smooth[left], side[:, None], axis=1)[:, 0] > 0)
    span = place.max(axis=0) + 1
    key = ((place[:, 0] * span[1] + place[:, 1]) * span[2] + place[:, 2]) * 6 + side
    flatness = np.einsum("ij,ij->i", graph.smooth[left], graph.normals[left])
    order = np.lexsort((-flatness, key))
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    return left[order[first]].astype(np.int64)


@jit()
def _flood(
    neighbors: Indices,
    shape: tuple[Floats, Floats, Floats],
    seeds: Integers,
    first: int,
    patches: tuple[Indices, Floats],
) -> None:
    """Give each face that a seed reaches to the seed on the shortest way (Dijkstra)."""
    centers, normals, smooth = shape
    chart, distance = patches
    heap = [(np.float32(0), np.int64(0), np.int64(0))]
    heap.pop()
    for i in range(len(seeds)):
        distance[seeds[i]] = 0
        heapq.heappush(heap, (np.float32(0), seeds[i], np.int64(i)))
    while heap:
        far, face, seed = heapq.heappop(heap)
        if far > distance[face] or chart[face] >= first and far == distance[face]:
            continue
        chart[face] = first + seed
        axis = smooth[seeds[seed]]
        for other in neighbors[face]:
            if other < 0 or (0 <= chart[other] < first):
                continue
            facing = _dot(smooth[other], axis)
            if facing < _PATCH_CONE or _dot(normals[other], axis) < _STEEPEST:
                continue
            bend = np.float32(1) + _BENDING * (np.float32(1) - facing)
            way = far + bend * _gap(centers[face], centers[other])
            if way < distance[other]:
                distance[other] = way
                heapq.heappush(heap, (way, np.int64(other), seed))


@jit()
def _dot(a: Floats, b: Floats) -> Number:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@jit()
def _gap(a: Floats, b: Floats) -> Number:
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return np.sqrt(x * x + y * y + z * z)


def _join(graph: FaceGraph, chart: Indices, cone: np.float32, crumb: float) -> Indices:
    """Join neighbouring charts, both each other's best choice, until no pair is left that may be.

    Of a pair one must have less than `crumb` of the whole area, and the smoothed normals of its
    union must lie within `cone`, a cosine.
    """
    chart = renumber(chart)
    borders = _Borders.of(graph, chart)
    while True:
        small = borders.areas <= crumb * borders.areas.sum()
        open_to = small[borders.pairs].any(axis=1)
        pairs, shared = borders.pairs[open_to], borders.shared[open_to]
        members = group_members(chart, len(borders.areas))
        vectors = borders.vectors.astype(np.float32)
        widths = _union_widths(pairs, vectors, members, (graph.normals, graph.smooth), cone)
        large = borders.areas[pairs].sum(axis=1) > _LARGEST * borders.areas.sum()
        widths[large & (widths > _FLAT)] = np.inf
        costs = widths + _ROUNDNESS * borders.raggedness(pairs, shared)
        allowed = np.flatnonzero(np.isfinite(costs))
        if not allowed.size:
            return chart
        ranked = pairs[allowed[np.argsort(costs[allowed], kind="stable")]]
        names = renumber(_matched(ranked, len(borders.areas)))
        chart, borders = names[chart], borders.joined(names)


def renumber(chart: Indices) -> Indices:
    return np.unique(chart, return_inverse=True)[1].astype(np.int32)


@dataclass(frozen=True)
class _Borders:
    """How C charts touch each other.

    vectors [C, 3], areas [C], outlines [C]: the sums of area vectors, areas, lengths of the border.
    pairs [P, 2] of neighbours, the lower first; shared [P]: the length of their common border.
    """

    vectors: Doubles
    areas: Doubles
    outlines: Doubles
    pairs: Indices
    shared: Doubles

    @staticmethod
    def of(graph: FaceGraph, chart: Indices) -> _Borders:
        count = int(chart.max()) + 1
        here = np.repeat(chart, 3)
        neighbors = graph.neighbors.reshape(-1)
        there = np.where(neighbors >= 0, chart[neighbors], -1)
        length = graph.edges.reshape(-1)
        outer, lower = there != here, here < there
        ends = np.stack([here[lower], there[lower]], axis=1)
        pairs, shared = _merged(ends, length[lower], count)
        return _Borders(
            group_sums(chart, graph.areas[:, None] * graph.normals, count),
            _sums(chart, graph.areas, count),
            _sums(here[outer], length[outer], count),
            pairs,
            shared,
        )

    def joined(self, names: Indices) -> _Borders:
        """The same when charts have new names [C], those of one name being one."""
        count = int(names.max()) + 1
        ends = np.sort(names[self.pairs], axis=1)
        inner = ends[:, 0] == ends[:, 1]
        pairs, shared = _merged(ends[~inner], self.shared[~inner], count)
        gone = _sums(ends[inner, 0], self.shared[inner], count)
        return _Borders(
            group_sums(names, self.vectors, count),
            _sums(names, self.areas, count),
            _sums(names, self.outlines, count) - 2 * gone,
            pairs,
            shared,
        )

    def raggedness(self, pairs: Indices, shared: Doubles) -> Doubles:
        """[P] how much longer the outline of each union is than a circle's, as a logarithm."""
        outline = self.outlines[pairs].sum(axis=1) - 2 * shared
        circle = np.sqrt(4 * np.pi * self.areas[pairs].sum(axis=1))
        return np.log(np.maximum(outline, 1e-9) / np.maximum(circle, 1e-9))


def _sums(groups: NDArray[np.integer], values: Floats | Doubles, count: int) -> Doubles:
    return np.bincount(groups, values, count).astype(np.float64)


def _merged(pairs: Indices, lengths: Floats | Doubles, count: int) -> tuple[Indices, Doubles]:
    """Every one of `pairs` [P, 2] of `count` charts once, and the sum of its lengths."""
    unique, index = np.unique(
        pairs[:, 0].astype(np.int64) * count + pairs[:, 1], return_inverse=True
    )
    merged = np.stack([unique // count, unique % count], axis=1).astype(np.int32)
    return merged, _sums(index, lengths, len(unique))


@jit(parallel=True)
def _union_widths(
    pairs: Indices,
    vectors: Floats,
    members: tuple[Indices, Indices],
    normals: tuple[Floats, Floats],
    cone: np.float32,
) -> Floats:
    """[P] how wide the cone of each union is, 0..1; infinite where it is too wide or folds over."""
    starts, faces = members
    single, smooth = normals
    out = np.empty(len(pairs), np.float32)
    for i in numba.prange(len(pairs)):
        axis = vectors[pairs[i, 0]] + vectors[pairs[i, 1]]
        axis /= max(np.sqrt(_dot(axis, axis)), _TINY)
        narrowest, steepest = np.float32(1), np.float32(1)
        for chart in pairs[i]:
            for k in range(starts[chart], starts[chart + 1]):
                narrowest = min(narrowest, _dot(smooth[faces[k]], axis))
                steepest = min(steepest, _dot(single[faces[k]], axis))
            if narrowest < cone or steepest < _STEEPEST:
                break
        good = narrowest >= cone and steepest >= _STEEPEST
        out[i] = (1 - narrowest) / (1 - cone) if good else np.inf
    return out


@jit()
def _matched(ranked: Indices, count: int) -> Indices:
    """New names [C]: those of a pair that is both its members' first choice become one."""
    choice = np.full(count, -1, np.int64)
    for i in range(len(ranked) - 1, -1, -1):
        choice[ranked[i, 0]] = i
        choice[ranked[i, 1]] = i
    names = np.arange(count).astype(np.int32)
    for i in range(len(ranked)):
        if choice[ranked[i, 0]] == i and choice[ranked[i, 1]] == i:
            names[ranked[i, 1]] = ranked[i, 0]
    return names


@jit()
def _straighten(neighbors: Indices, normals: Floats, chart: Indices, axes: Floats) -> None:
    """Give faces that hang on their chart by one edge to the chart beyond the two others."""
    for face in range(len(chart)):
        a, b, c = neighbors[face, 0], neighbors[face, 1], neighbors[face, 2]
        if a < 0 or b < 0 or c < 0:
            continue
        other = chart[b] if chart[b] == chart[c] else chart[a]
        hanging = (chart[a] == other) + (chart[b] == other) + (chart[c] == other) == 2
        if hanging and other != chart[face] and _dot(normals[face], axes[other]) >= _STEEPEST:
            chart[face] = other
