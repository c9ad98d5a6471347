"""Flat charts kept from lying over themselves.

All faces of a chart turn the same way, so it lies over itself only where its rim meets itself or
faces go more than once around a point of it. Most places where it meets itself are tiny, at ragged
rims: moving a point by less than a texel mends them.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ..surface.adjacency import Indices

_ROUNDS = 8
_EXACT = np.float32(1e-6)  # of a chart's extent: turning and scaling may move places by less
_CLEAR = 4.0  # times that: how far beyond an edge a point is moved
_FULL_TURN = 2 * np.pi + 1e-6

Mask = NDArray[np.bool_]


@jit(parallel=True)
def remove_overlaps(
    points: Floats, faces: Indices, rims: Mask, starts: Indices, most: float
) -> Integers:
    """Move points [M, 2], each by about `most` at most, until no chart lies over itself.

    Args:
        points: changed in place; those of charts that would need more stay.
        faces: [F, 3], those of chart c are faces[starts[c]:starts[c + 1]]; charts share no points.
        rims: [F, 3] whether a face's edge, from corner i to the next, is on its chart's rim.

    Returns:
        For every chart two of its faces that lie over each other still, or -1, [C, 2].
    """
    left = np.full((len(starts) - 1, 2), -1, np.int64)
    for chart in numba.prange(len(left)):
        start, end = starts[chart], starts[chart + 1]
        if end - start > 1:
            a, b = _pulled_apart(points, faces[start:end], rims[start:end], most)
            if a >= 0:
                left[chart, 0], left[chart, 1] = start + a, start + b
    return left


@jit()
def _pulled_apart(points: Floats, faces: Indices, rims: Mask, most: float) -> tuple[int, int]:
    """Two faces of this chart that lie over each other still, or -1 twice."""
    owners, ends = _edges(faces, rims)
    if len(ends) == 0:  # only faces without an area can close a flat chart
        return -1, -1
    first = faces.min()
    before = points[first : faces.max() + 1].copy()
    tangle = (-1, -1)
    near = _nearness(points, ends)
    for _ in range(_ROUNDS):
        found = _meetings(points, ends, near)
        if len(found) == 0:
            if _is_flipped(points, before, first, faces):
                break
            return _wound_up(points, faces, owners, ends)
        tangle = int(owners[found[0, 0]]), int(owners[found[0, 1]])
        moved = True
        for i in range(len(found)):
            moved = moved and _part(points, ends[found[i, 0]], ends[found[i, 1]], (near, most))
        if not moved:
            break
    points[first : first + len(before)] = before
    return tangle


@jit()
def _edges(faces: Indices, rims: Mask) -> tuple[Integers, Integers]:
    """The faces [E] and the ends [E, 2] of the edges on the rim."""
    owners = np.empty(rims.sum(), np.int64)
    ends = np.empty((len(owners), 2), np.int64)
    edge = 0
    for face in range(len(faces)):
        for corner in range(3):
            if rims[face, corner]:
                owners[edge] = face
                ends[edge, 0], ends[edge, 1] = faces[face, corner], faces[face, (corner + 1) % 3]
                edge += 1
    return owners, ends


@jit()
def _nearness(points: Floats, ends: Integers) -> float:
    """What counts as touching, in a chart of this extent."""
    low, high = points[ends[0, 0]].copy(), points[ends[0, 0]].copy()
    for edge in ends:
        for end in edge:
            for axis in range(2):
                low[axis] = min(low[axis], points[end, axis])
                high[axis] = max(high[axis], points[end, axis])
    return float(_EXACT * max(high[0] - low[0], high[1] - low[1]))


@jit()
def _meetings(points: Floats, ends: Integers, near: float) -> Integers:
    """All pairs [P, 2] of edges that meet though they have no end in common."""
    boxes = np.empty((len(ends), 4), np.float64)  # left, right, low, high
    for edge in range(len(ends)):
        a, b = points[ends[edge, 0]], points[ends[edge, 1]]
        boxes[edge, 0], boxes[edge, 1] = min(a[0], b[0]), max(a[0], b[0])
        boxes[edge, 2], boxes[edge, 3] = min(a[1], b[1]), max(a[1], b[1])
    order = np.argsort(boxes[:, 0])
    pairs = [(np.int64(0), np.int64(0)) for _ in range(0)]
    for i in range(len(order)):
        this = order[i]
        for k in range(i + 1, len(order)):
            that = order[k]
            if boxes[that, 0] > boxes[this, 1] + near:
                break
            apart = max(boxes[this, 2], boxes[that, 2]) - min(boxes[this, 3], boxes[that, 3])
            if apart <= near and _meet(points, ends[this], ends[that], near):
                pairs.append((this, that))
    found = np.empty((len(pairs), 2), np.int64)
    for i in range(len(pairs)):
        found[i, 0], found[i, 1] = pairs[i]
    return found


@jit()
def _meet(points: Floats, one: Integers, other: Integers, near: float) -> bool:
    for a in one:
        for b in other:
            if a == b:
                return False
    return not (_is_beside(points, one, other, near) or _is_beside(points, other, one, near))


@jit()
def _is_beside(points: Floats, edge: Integers, line: Integers, near: float) -> bool:
    """Whether both ends of an edge lie on one side of the line through another, clear of it."""
    one, other = _side(points, edge[0], line), _side(points, edge[1], line)
    return min(one, other) > near or max(one, other) < -near


@jit()
def _side(points: Floats, point: int, line: Integers) -> float:
    """How far to the left of the line through an edge a point lies; 0 where that has no length."""
    ax, ay = float(points[line[0], 0]), float(points[line[0], 1])
    along, up = float(points[line[1], 0]) - ax, float(points[line[1], 1]) - ay
    length = np.sqrt(along * along + up * up)
    if length == 0:
        return 0.0
    return (along * (float(points[point, 1]) - ay) - up * (float(points[point, 0]) - ax)) / length


@jit()
def _part(points: Floats, one: Integers, other: Integers, limits: tuple[float, float]) -> bool:
    """Move the end that lies least far beyond the other edge back over it, by at most so much."""
    near, most = limits
    if not _meet(points, one, other, near):
        return True  # an earlier move has parted them
    least, point, partner, line = np.inf, -1, -1, one
    for k in range(2):
        for edge, crossed in ((one, other), (other, one)):
            depth = abs(_side(points, edge[k], crossed))
            if depth < least:
                least, point, partner, line = depth, int(edge[k]), int(edge[1 - k]), crossed
    if least > most:
        return False
    # The point joins its partner's side.
    towards = 1.0 if _side(points, partner, line) > 0 else -1.0
    way = towards * _CLEAR * near - _side(points, point, line)
    x = float(points[line[1], 0]) - float(points[line[0], 0])
    y = float(points[line[1], 1]) - float(points[line[0], 1])
    length = np.sqrt(x * x + y * y)
    if length == 0:
        return False
    points[point, 0] -= way * y / length
    points[point, 1] += way * x / length
    return True


@jit()
def _wound_up(points: Floats, faces: Indices, owners: Integers, ends: Integers) -> tuple[int, int]:
    """The first and the last face around a point of the rim that faces go around and over, or -1.

    The rim turns back on itself there: around a hole where a face was left out that looked away.
    """
    first = faces.min()
    angles = np.zeros(faces.max() - first + 1, np.float64)
    for face in faces:
        for corner in range(3):
            here, there = points[face[corner]], points[face[(corner + 1) % 3]]
            other = points[face[(corner + 2) % 3]]
            ux, uy = float(there[0]) - float(here[0]), float(there[1]) - float(here[1])
            vx, vy = float(other[0]) - float(here[0]), float(other[1]) - float(here[1])
            angles[face[corner] - first] += np.arctan2(ux * vy - uy * vx, ux * vx + uy * vy)
    for edge in range(len(ends)):
        if angles[ends[edge, 0] - first] > _FULL_TURN:
            for other in range(len(ends)):
                if ends[other, 1] == ends[edge, 0] and owners[other] != owners[edge]:
                    return int(owners[edge]), int(owners[other])
    return -1, -1


@jit()
def _is_flipped(points: Floats, before: Floats, first: int, faces: Indices) -> bool:
    """Whether moving has turned a face over."""
    for face in faces:
        now = _area(points[face[0]], points[face[1]], points[face[2]])
        once = _area(before[face[0] - first], before[face[1] - first], before[face[2] - first])
        if now <= 0 and now < once:
            return True
    return False


@jit()
def _area(a: Floats, b: Floats, c: Floats) -> Number:
    ux, uy = float(b[0]) - float(a[0]), float(b[1]) - float(a[1])
    vx, vy = float(c[0]) - float(a[0]), float(c[1]) - float(a[1])
    return ux * vy - uy * vx
