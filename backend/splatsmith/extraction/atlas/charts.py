"""Segmentation of a surface into charts: connected regions, each visible whole along one direction.

Small patches grow from evenly spread seeds; adjacent ones are merged, flattest and roundest unions
first, as long as the union still faces one way.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..array_types import Doubles, Indices
from ..surface.adjacency import (
    area_vectors,
    face_neighbors,
    group_members,
    group_sums,
    normalized,
    smooth_face_vectors,
)
from ..surface.triangle_surface import Surface

_PATCHES = 500  # seeded at first, about
_SMOOTHING_ROUNDS = 4  # of normals: single deviating faces must not become charts
_PATCH_CONE = np.float32(np.cos(np.radians(35)))
_CHART_CONE = np.float32(np.cos(np.radians(52)))  # of smoothed normals around their mean
_MIN_FACING = np.float32(np.cos(np.radians(78)))  # of every single face: it must not fold over
_BENDING = np.float32(8)  # how much longer a path counts that leaves its seed's plane
_SMALL_AREA = 0.004  # of the total: smaller charts are merged wherever nothing folds over
_LARGE_AREA = 0.06  # of the total: larger charts pack badly
_FLAT_WIDTH = 0.1  # cone width up to which charts may be large
_ROUGHNESS_WEIGHT = 0.4  # of a rough outline, relative to a wide cone
_BOUNDARY_ROUNDS = 6
_TINY = np.float32(1e-20)


class FaceGeometry(NamedTuple):
    """F faces as compiled loops take them."""

    neighbors: Indices  # [F, 3] across each edge, -1 if there is none
    centers: Floats  # [F, 3]
    normals: Floats  # [F, 3] unit length
    smooth_normals: Floats  # [F, 3] unit length, averaged over the neighbourhood


@dataclass(frozen=True)
class FaceGraph:
    """The faces of a surface and how they adjoin.

    Attributes:
        geometry: neighbours, centres and normals.
        areas: [F].
        edges: [F, 3] length of the edge that each neighbour lies across.
    """

    geometry: FaceGeometry
    areas: Floats
    edges: Floats

    @staticmethod
    def from_surface(surface: Surface) -> FaceGraph:
        neighbors = face_neighbors(surface.faces)
        vectors = area_vectors(surface.vertices, surface.faces)
        areas = np.linalg.norm(vectors, axis=1)
        smooth = vectors
        for _ in range(_SMOOTHING_ROUNDS):
            smooth = smooth_face_vectors(smooth, neighbors)
        smooth = normalized(smooth)
        normals = np.where(areas[:, None] > 0, normalized(vectors), smooth)
        corners = surface.vertices[surface.faces]
        edges = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        geometry = FaceGeometry(neighbors, corners.mean(axis=1), normals, smooth)
        return FaceGraph(geometry, areas, edges)


class _Patches(NamedTuple):
    """Regions under growth."""

    chart: Indices  # [F] or -1
    distance: Floats  # [F] of the shortest path to the seed


class _Members(NamedTuple):
    """The faces of charts: those of c are faces[starts[c]:starts[c + 1]]."""

    starts: Indices
    faces: Indices


def segment_charts(graph: FaceGraph) -> Indices:
    """The chart [F] of every face, numbered from 0, as few as the cones allow."""
    chart = _grow_patches(graph)
    chart = _merge_charts(graph, chart, _CHART_CONE, 1.0)
    for _ in range(_BOUNDARY_ROUNDS):
        _straighten_boundaries(graph.geometry, chart, chart_normals(graph, chart))
    chart = _merge_charts(graph, chart, _CHART_CONE, 1.0)
    return _merge_charts(graph, chart, np.float32(-1), _SMALL_AREA)


def chart_normals(graph: FaceGraph, chart: Indices) -> Floats:
    """Area-weighted mean normals [C, 3] of charts."""
    vectors = graph.areas[:, None] * graph.geometry.normals
    return normalized(group_sums(chart, vectors, int(chart.max()) + 1))


def _grow_patches(graph: FaceGraph) -> Indices:
    chart = np.full(len(graph.areas), -1, np.int32)
    patches = _Patches(chart, np.full(len(chart), np.inf, np.float32))
    cell = np.float32(np.sqrt(graph.areas.sum() / _PATCHES)) + np.float32(1e-12)
    count = 0
    while (remaining := np.flatnonzero(chart < 0)).size:
        seeds = _choose_seeds(graph.geometry, remaining, cell)
        _grow_from_seeds(graph.geometry, seeds, count, patches)
        count += len(seeds)
    return renumber(chart)


def _choose_seeds(
    geometry: FaceGeometry, remaining: NDArray[np.intp], cell: np.float32
) -> Integers:
    """The flattest of the `remaining` faces per grid cell and per dominant axis direction."""
    smooth = geometry.smooth_normals[remaining]
    place = np.floor(geometry.centers[remaining] / cell).astype(np.int64)
    place -= place.min(axis=0)
    side = np.abs(smooth).argmax(axis=1)
    side = 2 * side + (np.take_along_axis(smooth, side[:, None], axis=1)[:, 0] > 0)
    span = place.max(axis=0) + 1
    key = ((place[:, 0] * span[1] + place[:, 1]) * span[2] + place[:, 2]) * 6 + side
    flatness = np.einsum("ij,ij->i", smooth, geometry.normals[remaining])
    order = np.lexsort((-flatness, key))
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    return remaining[order[first]].astype(np.int64)


@jit()
def _grow_from_seeds(
    geometry: FaceGeometry, seeds: Integers, first: int, patches: _Patches
) -> None:
    """Dijkstra from all seeds at once: each face joins the seed of the shortest path.

    Args:
        first: number of the first seed's patch; faces of lower ones stay.
    """
    chart, distance = patches.chart, patches.distance
    heap = [(np.float32(0), np.int64(0), np.int64(0))]
    heap.pop()
    for i in range(len(seeds)):
        distance[seeds[i]] = 0
        heapq.heappush(heap, (np.float32(0), seeds[i], np.int64(i)))
    while heap:
        length, face, seed = heapq.heappop(heap)
        if length > distance[face] or chart[face] >= first and length == distance[face]:
            continue
        chart[face] = first + seed
        axis = geometry.smooth_normals[seeds[seed]]
        for other in geometry.neighbors[face]:
            if other < 0 or (0 <= chart[other] < first):
                continue
            facing = _dot(geometry.smooth_normals[other], axis)
            if facing < _PATCH_CONE or _dot(geometry.normals[other], axis) < _MIN_FACING:
                continue
            bend = np.float32(1) + _BENDING * (np.float32(1) - facing)
            path = length + bend * _distance(geometry.centers[face], geometry.centers[other])
            if path < distance[other]:
                distance[other] = path
                heapq.heappush(heap, (path, np.int64(other), seed))


@jit()
def _dot(a: Floats, b: Floats) -> Number:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@jit()
def _distance(a: Floats, b: Floats) -> Number:
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return np.sqrt(x * x + y * y + z * z)


def _merge_charts(graph: FaceGraph, chart: Indices, cone: np.float32, small_area: float) -> Indices:
    """Merge pairs of adjacent charts that are each other's best choice, until none may merge.

    Args:
        cone: cosine within which a union's smoothed normals must lie around their mean.
        small_area: share of the total that one of each pair must be below.
    """
    chart = renumber(chart)
    adjacency = _ChartAdjacency.from_charts(graph, chart)
    while True:
        areas = adjacency.areas
        may_merge = (areas <= small_area * areas.sum())[adjacency.pairs].any(axis=1)
        pairs, shared = adjacency.pairs[may_merge], adjacency.shared[may_merge]
        members = _Members(*group_members(chart, len(areas)))
        vectors = adjacency.vectors.astype(np.float32)
        widths = _union_cone_widths(graph.geometry, pairs, vectors, members, cone)
        large = areas[pairs].sum(axis=1) > _LARGE_AREA * areas.sum()
        widths[large & (widths > _FLAT_WIDTH)] = np.inf
        costs = widths + _ROUGHNESS_WEIGHT * adjacency.union_roughness(pairs, shared)
        allowed = np.flatnonzero(np.isfinite(costs))
        if not allowed.size:
            return chart
        ranked = pairs[allowed[np.argsort(costs[allowed], kind="stable")]]
        names = renumber(_mutual_best(ranked, len(areas)))
        chart, adjacency = names[chart], adjacency.merged(names)


def renumber(chart: Indices) -> Indices:
    """The same charts [F], numbered from 0 without gaps."""
    return np.unique(chart, return_inverse=True)[1].astype(np.int32)


@dataclass(frozen=True)
class _ChartAdjacency:
    """C charts and their common boundaries.

    Attributes:
        vectors: [C, 3] sums of area vectors.
        areas: [C].
        outlines: [C] lengths of the boundaries.
        pairs: [P, 2] adjacent charts, the lower number first.
        shared: [P] length of their common boundary.
    """

    vectors: Doubles
    areas: Doubles
    outlines: Doubles
    pairs: Indices
    shared: Doubles

    @staticmethod
    def from_charts(graph: FaceGraph, chart: Indices) -> _ChartAdjacency:
        count = int(chart.max()) + 1
        own = np.repeat(chart, 3)
        neighbors = graph.geometry.neighbors.reshape(-1)
        other = np.where(neighbors >= 0, chart[neighbors], -1)
        length = graph.edges.reshape(-1)
        outer, lower = other != own, own < other
        ends = np.stack([own[lower], other[lower]], axis=1)
        pairs, shared = _merge_pairs(ends, length[lower], count)
        return _ChartAdjacency(
            group_sums(chart, graph.areas[:, None] * graph.geometry.normals, count),
            _sums(chart, graph.areas, count),
            _sums(own[outer], length[outer], count),
            pairs,
            shared,
        )

    def merged(self, names: Indices) -> _ChartAdjacency:
        """After renaming charts to `names` [C]; those of one name become one."""
        count = int(names.max()) + 1
        ends = np.sort(names[self.pairs], axis=1)
        inner = ends[:, 0] == ends[:, 1]
        pairs, shared = _merge_pairs(ends[~inner], self.shared[~inner], count)
        gone = _sums(ends[inner, 0], self.shared[inner], count)
        return _ChartAdjacency(
            group_sums(names, self.vectors, count),
            _sums(names, self.areas, count),
            _sums(names, self.outlines, count) - 2 * gone,
            pairs,
            shared,
        )

    def union_roughness(self, pairs: Indices, shared: Doubles) -> Doubles:
        """[P] log ratio of each union's outline to that of a circle of the same area."""
        outline = self.outlines[pairs].sum(axis=1) - 2 * shared
        circle = np.sqrt(4 * np.pi * self.areas[pairs].sum(axis=1))
        return np.log(np.maximum(outline, 1e-9) / np.maximum(circle, 1e-9))


def _sums(groups: NDArray[np.integer], values: Floats | Doubles, count: int) -> Doubles:
    return np.bincount(groups, values, count).astype(np.float64)


def _merge_pairs(pairs: Indices, lengths: Floats | Doubles, count: int) -> tuple[Indices, Doubles]:
    """Each of `pairs` [P, 2] of `count` charts once, and the sums of their lengths."""
    unique, index = np.unique(
        pairs[:, 0].astype(np.int64) * count + pairs[:, 1], return_inverse=True
    )
    merged = np.stack([unique // count, unique % count], axis=1).astype(np.int32)
    return merged, _sums(index, lengths, len(unique))


@jit(parallel=True)
def _union_cone_widths(
    geometry: FaceGeometry,
    pairs: Indices,
    vectors: Floats,
    members: _Members,
    cone: np.float32,
) -> Floats:
    """[P] normal cone width of each union, 0..1; infinite where it is too wide or folds over."""
    starts, faces = members.starts, members.faces
    out = np.empty(len(pairs), np.float32)
    for i in numba.prange(len(pairs)):
        axis = vectors[pairs[i, 0]] + vectors[pairs[i, 1]]
        axis /= max(np.sqrt(_dot(axis, axis)), _TINY)
        smooth, single = np.float32(1), np.float32(1)
        for chart in pairs[i]:
            for k in range(starts[chart], starts[chart + 1]):
                smooth = min(smooth, _dot(geometry.smooth_normals[faces[k]], axis))
                single = min(single, _dot(geometry.normals[faces[k]], axis))
            if smooth < cone or single < _MIN_FACING:
                break
        valid = smooth >= cone and single >= _MIN_FACING
        out[i] = (1 - smooth) / (1 - cone) if valid else np.inf
    return out


@jit()
def _mutual_best(ranked: Indices, count: int) -> Indices:
    """New names [C]: pairs that are both members' first choice in `ranked` [P, 2] become one."""
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
def _straighten_boundaries(geometry: FaceGeometry, chart: Indices, axes: Floats) -> None:
    """Move faces with two neighbours in another chart to that one."""
    for face in range(len(chart)):
        a, b, c = geometry.neighbors[face]
        if a < 0 or b < 0 or c < 0:
            continue
        other = chart[b] if chart[b] == chart[c] else chart[a]
        hanging = (chart[a] == other) + (chart[b] == other) + (chart[c] == other) == 2
        facing = _dot(geometry.normals[face], axes[other])
        if hanging and other != chart[face] and facing >= _MIN_FACING:
            chart[face] = other
