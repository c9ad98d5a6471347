"""Removal of self-overlaps of flat charts.

All faces of a chart have the same orientation, so that it overlaps itself only where its boundary
intersects itself, or where faces wind more than once around a boundary point. Most intersections
are tiny, at ragged boundaries: moving a point by less than a texel resolves them.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..array_types import Indices, Mask

_ROUNDS = 8
_PRECISION = np.float32(1e-6)  # of a chart's extent: rotation and scaling may move points by less
_CLEARANCE = 4.0  # times that: how far beyond an edge a point is moved
_FULL_TURN = 2 * np.pi + 1e-6


class _Limits(NamedTuple):
    touching: float  # distance up to which edges intersect
    max_move: float  # of a point


@jit(parallel=True)
def remove_overlaps(
    points: Floats, faces: Indices, boundary: Mask, starts: Indices, max_move: float
) -> Integers:
    """Move points [M, 2], each by at most about `max_move`, until no chart overlaps itself.

    Args:
        points: changed in place; points of charts that would have to move more stay.
        faces: [F, 3]; those of chart c are faces[starts[c]:starts[c + 1]]. Charts share no points.
        boundary: [F, 3] whether a face's edge, from corner i to the next, is on the boundary.

    Returns:
        [C, 2] two overlapping faces of each chart, or -1.
    """
    overlapping = np.full((len(starts) - 1, 2), -1, np.int64)
    for chart in numba.prange(len(overlapping)):
        start, end = starts[chart], starts[chart + 1]
        if end - start > 1:
            a, b = _resolve_chart(points, faces[start:end], boundary[start:end], max_move)
            if a >= 0:
                overlapping[chart, 0], overlapping[chart, 1] = start + a, start + b
    return overlapping


@jit()
def _resolve_chart(
    points: Floats, faces: Indices, boundary: Mask, max_move: float
) -> tuple[int, int]:
    """Two faces of this chart that still overlap, or -1 twice."""
    owners, ends = _boundary_edges(faces, boundary)
    if len(ends) == 0:  # only degenerate faces can close a flat chart
        return -1, -1
    first = faces.min()
    before = points[first : faces.max() + 1].copy()
    overlap = (-1, -1)
    limits = _Limits(_touching_distance(points, ends), max_move)
    for _ in range(_ROUNDS):
        found = _intersections(points, ends, limits.touching)
        if len(found) == 0:
            if _has_flipped(points, before, first, faces):
                break
            return _winding_overlap(points, faces, owners, ends)
        overlap = int(owners[found[0, 0]]), int(owners[found[0, 1]])
        moved = True
        for i in range(len(found)):
            moved = moved and _separate(points, ends[found[i, 0]], ends[found[i, 1]], limits)
        if not moved:
            break
    points[first : first + len(before)] = before
    return overlap


@jit()
def _boundary_edges(faces: Indices, boundary: Mask) -> tuple[Integers, Integers]:
    """The faces [E] and the ends [E, 2] of the edges on the boundary."""
    owners = np.empty(boundary.sum(), np.int64)
    ends = np.empty((len(owners), 2), np.int64)
    edge = 0
    for face in range(len(faces)):
        for corner in range(3):
            if boundary[face, corner]:
                owners[edge] = face
                ends[edge, 0], ends[edge, 1] = faces[face, corner], faces[face, (corner + 1) % 3]
                edge += 1
    return owners, ends


@jit()
def _touching_distance(points: Floats, ends: Integers) -> float:
    """The distance that counts as touching, in a chart of this extent."""
    low, high = points[ends[0, 0]].copy(), points[ends[0, 0]].copy()
    for edge in ends:
        for end in edge:
            for axis in range(2):
                low[axis] = min(low[axis], points[end, axis])
                high[axis] = max(high[axis], points[end, axis])
    return float(_PRECISION * max(high[0] - low[0], high[1] - low[1]))


@jit()
def _intersections(points: Floats, ends: Integers, touching: float) -> Integers:
    """All pairs [P, 2] of edges that intersect but share no end, by a sweep along x."""
    boxes = np.empty((len(ends), 4), np.float64)  # left, right, low, high
    for edge in range(len(ends)):
        a, b = points[ends[edge, 0]], points[ends[edge, 1]]
        boxes[edge, 0], boxes[edge, 1] = min(a[0], b[0]), max(a[0], b[0])
        boxes[edge, 2], boxes[edge, 3] = min(a[1], b[1]), max(a[1], b[1])
    order = np.argsort(boxes[:, 0])
    pairs = [(np.int64(0), np.int64(0)) for _ in range(0)]
    for i in range(len(order)):
        one = order[i]
        for k in range(i + 1, len(order)):
            other = order[k]
            if boxes[other, 0] > boxes[one, 1] + touching:
                break
            gap = max(boxes[one, 2], boxes[other, 2]) - min(boxes[one, 3], boxes[other, 3])
            if gap <= touching and _intersect(points, ends[one], ends[other], touching):
                pairs.append((one, other))
    found = np.empty((len(pairs), 2), np.int64)
    for i in range(len(pairs)):
        found[i, 0], found[i, 1] = pairs[i]
    return found


@jit()
def _intersect(points: Floats, one: Integers, other: Integers, touching: float) -> bool:
    for a in one:
        for b in other:
            if a == b:
                return False
    return not (
        _is_on_one_side(points, one, other, touching)
        or _is_on_one_side(points, other, one, touching)
    )


@jit()
def _is_on_one_side(points: Floats, edge: Integers, line: Integers, touching: float) -> bool:
    """Whether both ends of an edge are clear of the line through another one, on one side."""
    one, other = _signed_distance(points, edge[0], line), _signed_distance(points, edge[1], line)
    return min(one, other) > touching or max(one, other) < -touching


@jit()
def _signed_distance(points: Floats, point: int, line: Integers) -> float:
    """From the line through an edge, positive on its left; 0 if the edge has no length."""
    ax, ay = float(points[line[0], 0]), float(points[line[0], 1])
    dx, dy = float(points[line[1], 0]) - ax, float(points[line[1], 1]) - ay
    length = np.sqrt(dx * dx + dy * dy)
    if length == 0:
        return 0.0
    return (dx * (float(points[point, 1]) - ay) - dy * (float(points[point, 0]) - ax)) / length


@jit()
def _separate(points: Floats, one: Integers, other: Integers, limits: _Limits) -> bool:
    """Move the end that lies least far beyond the other edge back over it; False if it may not."""
    if not _intersect(points, one, other, limits.touching):
        return True  # an earlier move has separated them
    least, point, partner, line = np.inf, -1, -1, one
    for k in range(2):
        for edge, crossed in ((one, other), (other, one)):
            depth = abs(_signed_distance(points, edge[k], crossed))
            if depth < least:
                least, point, partner, line = depth, int(edge[k]), int(edge[1 - k]), crossed
    if least > limits.max_move:
        return False
    # To its partner's side of the line.
    side = 1.0 if _signed_distance(points, partner, line) > 0 else -1.0
    move = side * _CLEARANCE * limits.touching - _signed_distance(points, point, line)
    x = float(points[line[1], 0]) - float(points[line[0], 0])
    y = float(points[line[1], 1]) - float(points[line[0], 1])
    length = np.sqrt(x * x + y * y)
    if length == 0:
        return False
    points[point, 0] -= move * y / length
    points[point, 1] += move * x / length
    return True


@jit()
def _winding_overlap(
    points: Floats, faces: Indices, owners: Integers, ends: Integers
) -> tuple[int, int]:
    """The first and last face around a boundary point with more than a full turn of faces, or -1.

    The boundary folds back there, around a hole where a face was left out.
    """
    first = faces.min()
    angles = np.zeros(faces.max() - first + 1, np.float64)
    for face in faces:
        for corner in range(3):
            own, following = points[face[corner]], points[face[(corner + 1) % 3]]
            third = points[face[(corner + 2) % 3]]
            ux, uy = float(following[0]) - float(own[0]), float(following[1]) - float(own[1])
            vx, vy = float(third[0]) - float(own[0]), float(third[1]) - float(own[1])
            angles[face[corner] - first] += np.arctan2(ux * vy - uy * vx, ux * vx + uy * vy)
    for edge in range(len(ends)):
        if angles[ends[edge, 0] - first] > _FULL_TURN:
            for other in range(len(ends)):
                if ends[other, 1] == ends[edge, 0] and owners[other] != owners[edge]:
                    return int(owners[edge]), int(owners[other])
    return -1, -1


@jit()
def _has_flipped(points: Floats, before: Floats, first: int, faces: Indices) -> bool:
    """Whether moving points has flipped a face."""
    for face in faces:
        now = _double_area(points[face[0]], points[face[1]], points[face[2]])
        old = _double_area(
            before[face[0] - first], before[face[1] - first], before[face[2] - first]
        )
        if now <= 0 and now < old:
            return True
    return False


@jit()
def _double_area(a: Floats, b: Floats, c: Floats) -> Number:
    ux, uy = float(b[0]) - float(a[0]), float(b[1]) - float(a[1])
    vx, vy = float(c[0]) - float(a[0]), float(c[1]) - float(a[1])
    return ux * vy - uy * vx
