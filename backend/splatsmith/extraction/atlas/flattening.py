"""Flat charts: projected along their mean normals, connected, and in tight rectangles."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..array_types import Indices
from ..surface.adjacency import find_root, normalized, union_corners

_ANGLES = 30  # rotations up to a quarter turn that are tried for the smallest rectangle


def tangent_axes(normals: Floats) -> Floats:
    """Two unit vectors [C, 2, 3] orthogonal to each of `normals` [C, 3], right-handed with it."""
    least = np.eye(3, dtype=np.float32)[np.abs(normals).argmin(axis=1)]
    right = normalized(np.cross(least, normals))
    return np.stack([right, np.cross(normals, right)], axis=1)


@jit(parallel=True)
def minimal_rectangles(points: Floats, starts: Integers) -> Floats:
    """Rotate each chart's `points` [M, 2] for the smallest bounding rectangle; its corner is at 0.

    Those of chart c are points[starts[c]:starts[c + 1]].
    """
    out = np.empty_like(points)
    for chart in numba.prange(len(starts) - 1):
        own = points[starts[chart] : starts[chart + 1]]
        smallest, best = np.inf, 0.0
        for step in range(_ANGLES):
            angle = step * np.pi / 2 / _ANGLES
            width, height = _rotated_extent(own, angle)
            if width * height < smallest:
                smallest, best = width * height, angle
        _rotate(own, best, out[starts[chart] : starts[chart + 1]])
    return out


@jit()
def _rotate(points: Floats, angle: float, out: Floats) -> None:
    """Rotate clockwise and move into the corner of the first quadrant."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    low = np.full(2, np.inf, np.float32)
    for i in range(len(points)):
        out[i, 0] = c * points[i, 0] + s * points[i, 1]
        out[i, 1] = c * points[i, 1] - s * points[i, 0]
        low[0], low[1] = min(low[0], out[i, 0]), min(low[1], out[i, 1])
    for i in range(len(points)):
        out[i, 0] -= low[0]
        out[i, 1] -= low[1]


@jit()
def _rotated_extent(points: Floats, angle: float) -> tuple[Number, Number]:
    """Width and height of points rotated clockwise."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    left, right, low, high = np.inf, -np.inf, np.inf, -np.inf
    for point in points:
        x, y = c * point[0] + s * point[1], c * point[1] - s * point[0]
        left, right, low, high = min(left, x), max(right, x), min(low, y), max(high, y)
    return right - left, high - low


@jit()
def split_disconnected(neighbors: Indices, chart: Indices) -> Indices:
    """The charts [F], each connected component numbered on its own, from 0."""
    out = np.full(len(chart), -1, np.int32)
    count = 0
    for first in range(len(chart)):
        if out[first] >= 0:
            continue
        out[first] = count
        queue = [first]
        for face in queue:
            for other in neighbors[face]:
                if other >= 0 and out[other] < 0 and chart[other] == chart[face]:
                    out[other] = count
                    queue.append(other)
        count += 1
    return out


class ChartPoints(NamedTuple):
    """M points of charts; a vertex has several where charts meet or touch in it alone."""

    corners: Indices  # [F, 3] of the faces, chart after chart
    source: Integers  # [M] each point's vertex
    chart: Indices  # [M]


@jit()
def chart_points(faces: Indices, neighbors: Indices, chart: Indices, order: Indices) -> ChartPoints:
    """The points of charts.

    Args:
        order: [F] the faces, chart after chart.
    """
    parents = np.arange(faces.size).astype(np.int32)
    for face in range(len(faces)):
        for corner in range(3):
            neighbor = neighbors[face, corner]
            if neighbor >= 0 and chart[neighbor] == chart[face]:
                union_corners(parents, faces, face, corner, neighbor)
    numbers = np.full(faces.size, -1, np.int32)
    corners = np.empty(faces.shape, np.int32)
    source, of_chart = np.empty(faces.size, np.int64), np.empty(faces.size, np.int32)
    count = 0
    for i in range(len(order)):
        for corner in range(3):
            root = find_root(parents, 3 * order[i] + corner)
            if numbers[root] < 0:
                numbers[root] = count
                source[count], of_chart[count] = faces[order[i], corner], chart[order[i]]
                count += 1
            corners[i, corner] = numbers[root]
    return ChartPoints(corners, source[:count], of_chart[:count])


@jit()
def split_charts(neighbors: Indices, chart: Indices, pairs: Integers) -> None:
    """Split charts between two of their faces: each face joins the nearer one, breadth first.

    Args:
        chart: [F], changed in place; both parts get new numbers.
        pairs: [C, 2] two faces of each chart, or -1 for those that stay.
    """
    number = chart.max() + 1
    for pair in pairs:
        if pair[0] < 0:
            continue
        old = chart[pair[0]]
        queue = [pair[0], pair[1]]
        chart[pair[0]], chart[pair[1]] = number, number + 1
        number += 2
        for face in queue:
            for other in neighbors[face]:
                if other >= 0 and chart[other] == old:
                    chart[other] = chart[face]
                    queue.append(other)
