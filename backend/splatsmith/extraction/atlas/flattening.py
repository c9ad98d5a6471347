"""Charts laid flat: each seen along its mean normal, so that no two of its faces overlap."""

from __future__ import annotations

import numba
import numpy as np

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..surface.adjacency import Indices, find_root, normalized, union_corners

_ANGLES = 30  # that a chart is turned by, up to a quarter turn, to find its narrowest frame


def tangent_axes(normals: Floats) -> Floats:
    """Two unit vectors [C, 2, 3] across each of `normals` [C, 3], right-handed with it."""
    least = np.eye(3, dtype=np.float32)[np.abs(normals).argmin(axis=1)]
    right = normalized(np.cross(least, normals))
    return np.stack([right, np.cross(normals, right)], axis=1)


@jit(parallel=True)
def minimal_rectangles(points: Floats, starts: Integers) -> Floats:
    """`points` [M, 2] turned so that each chart's bounding rectangle is the smallest; from 0 up.

    Those of chart c are points[starts[c]:starts[c + 1]].
    """
    out = np.empty_like(points)
    for chart in numba.prange(len(starts) - 1):
        own = points[starts[chart] : starts[chart + 1]]
        smallest, best = np.inf, 0.0
        for step in range(_ANGLES):
            angle = step * np.pi / 2 / _ANGLES
            width, height = _extent(own, angle)
            if width * height < smallest:
                smallest, best = width * height, angle
        _turn(own, best, out[starts[chart] : starts[chart + 1]])
    return out


@jit()
def _turn(points: Floats, angle: float, out: Floats) -> None:
    """Turn points clockwise and move them into the corner of the first quadrant."""
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
def _extent(points: Floats, angle: float) -> tuple[Number, Number]:
    """Width and height of points once they are turned clockwise by an angle."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    left, right, low, high = np.inf, -np.inf, np.inf, -np.inf
    for point in points:
        x, y = c * point[0] + s * point[1], c * point[1] - s * point[0]
        left, right, low, high = min(left, x), max(right, x), min(low, y), max(high, y)
    return right - left, high - low


@jit()
def split_disconnected(neighbors: Indices, chart: Indices) -> Indices:
    """The same charts [F], each piece of one with a number of its own, from 0."""
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


@jit()
def chart_points(
    faces: Indices, neighbors: Indices, chart: Indices, order: Indices
) -> tuple[Indices, Integers, Indices]:
    """The points of charts: one a vertex, or more where parts of a chart hang together by it alone.

    Args:
        order: the faces, chart after chart.

    Returns:
        The corners [F, 3] of the faces in `order`, and each point's vertex and chart [M].
    """
    leader = np.arange(faces.size).astype(np.int32)
    for face in range(len(faces)):
        for corner in range(3):
            beyond = neighbors[face, corner]
            if beyond >= 0 and chart[beyond] == chart[face]:
                union_corners(leader, faces, face, corner, beyond)
    numbers = np.full(faces.size, -1, np.int32)
    corners = np.empty(faces.shape, np.int32)
    source, of_chart = np.empty(faces.size, np.int64), np.empty(faces.size, np.int32)
    count = 0
    for i in range(len(order)):
        for corner in range(3):
            first = find_root(leader, 3 * order[i] + corner)
            if numbers[first] < 0:
                numbers[first] = count
                source[count], of_chart[count] = faces[order[i], corner], chart[order[i]]
                count += 1
            corners[i, corner] = numbers[first]
    return corners, source[:count], of_chart[:count]


@jit()
def split_charts(neighbors: Indices, chart: Indices, pairs: Integers) -> None:
    """Split every chart between two of its faces [C, 2]: each takes what is nearer to it.

    The parts get new numbers, the old one is no longer used; charts whose pair is -1 stay, and so
    does what neither face reaches.
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
