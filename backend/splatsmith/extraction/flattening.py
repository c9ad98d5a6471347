"""Charts laid flat: each seen along its mean normal, so that no two of its faces overlap."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ..gaussians.compiling import Bytes, Floats, Integers, Number, compiled
from .adjacency import Doubles, Indices, unit

_ANGLES = 30  # that a chart is turned by, up to a quarter turn, to find its narrowest frame
_EDGE = 1e-6  # cells

Mask = NDArray[np.bool_]


def plane_axes(normals: Floats) -> Floats:
    """Two unit vectors [C, 2, 3] across each of `normals` [C, 3], right-handed with it."""
    least = np.eye(3, dtype=np.float32)[np.abs(normals).argmin(axis=1)]
    right = unit(np.cross(least, normals))
    return np.stack([right, np.cross(normals, right)], axis=1)


@compiled(parallel=True)
def narrow_frames(points: Floats, starts: Integers) -> Floats:
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


@compiled()
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


@compiled()
def _extent(points: Floats, angle: float) -> tuple[Number, Number]:
    """Width and height of points once they are turned clockwise by an angle."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    left, right, low, high = np.inf, -np.inf, np.inf, -np.inf
    for point in points:
        x, y = c * point[0] + s * point[1], c * point[1] - s * point[0]
        left, right, low, high = min(left, x), max(right, x), min(low, y), max(high, y)
    return right - left, high - low


@compiled(parallel=True)
def overlaps(
    points: Floats, faces: Indices, starts: Integers, suspect: Mask, fineness: float
) -> Integers:
    """For every `suspect` chart two of its faces that lie over each other, or -1, [C, 2].

    Found on a raster of `fineness` cells per unit; faces are those of chart c in
    faces[starts[c]:starts[c + 1]].
    """
    found = np.full((len(starts) - 1, 2), -1, np.int64)
    for chart in numba.prange(len(found)):
        if not suspect[chart]:
            continue
        width, height = 1, 1
        for corner in faces[starts[chart] : starts[chart + 1]].reshape(-1):
            width = max(width, int(points[corner, 0] * fineness) + 1)
            height = max(height, int(points[corner, 1] * fineness) + 1)
        taken = np.zeros((height, width), np.uint8)
        for face in range(starts[chart], starts[chart + 1]):
            if _claim(points[faces[face]] * fineness, taken, 1):
                found[chart, 0] = face
                break
        if found[chart, 0] >= 0:  # only now is a mark for each face worth its memory
            owner = np.zeros((height, width), np.int32)
            for face in range(starts[chart], found[chart, 0] + 1):
                mark = face - starts[chart] + 1
                other = _claim(points[faces[face]] * fineness, owner, mark)
                if other:
                    found[chart, 1] = starts[chart] + other - 1
    return found


@compiled()
def _claim(triangle: Floats | Doubles, cells: Bytes | Indices, mark: int) -> int:
    """Mark the cells whose centres lie in a triangle; stops at the first with a mark, returns it.

    0 if there is none.
    """
    y = triangle[:, 1]
    for row in range(int(y.min()), min(int(y.max()) + 1, len(cells))):
        left, right = _stretch(triangle, row + 0.5)
        # A face does not claim what lies on its very edge, for that is its neighbour's too.
        first, last = int(np.floor(left + _EDGE + 0.5)), int(np.ceil(right - _EDGE - 0.5))
        for column in range(max(first, 0), min(last, cells.shape[1])):
            if cells[row, column]:
                return cells[row, column]
            cells[row, column] = mark
    return 0


@compiled()
def _stretch(triangle: Floats | Doubles, level: float) -> tuple[float, float]:
    """From where to where a triangle reaches at some height; the first is more if it does not."""
    left, right = np.inf, -np.inf
    for i in range(3):
        a, b = triangle[i], triangle[(i + 1) % 3]
        if (a[1] <= level) != (b[1] <= level):
            across = a[0] + (level - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
            left, right = min(left, across), max(right, across)
    return left, right


@compiled()
def divide(neighbors: Indices, chart: Indices, pairs: Integers) -> None:
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
