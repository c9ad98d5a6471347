"""A sheet of cells with places taken, and the masks of shapes that look for a free one.

The sheet knows for every cell where its row's next taken and next free cell are, so that a shape
leaves a blocked place by the whole width of what blocks it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, jit
from ..surface.adjacency import Doubles, Indices

Mask = NDArray[np.uint8]  # [rows, columns]
# taken, next taken and next free column, all [rows, columns]; the widest free run of every row
OccupancyGrid = tuple[Mask, Indices, Indices, Indices]


@jit()
def empty_grid(height: int, width: int) -> OccupancyGrid:
    taken = np.zeros((height, width), np.uint8)
    next_taken = np.full((height, width), width, np.int32)
    next_free = np.empty((height, width), np.int32)
    next_free[:] = np.arange(width)
    return taken, next_taken, next_free, np.full(height, width, np.int32)


@jit()
def rasterize_chart(points: Floats, faces: Indices, scale: float) -> Mask:
    """The cells that triangles [F, 3] of `scale` times `points` touch at all."""
    width, height = 1, 1
    for corner in faces.reshape(-1):
        width = max(width, int(points[corner, 0] * scale) + 1)
        height = max(height, int(points[corner, 1] * scale) + 1)
    mask = np.zeros((height, width), np.uint8)
    for face in range(len(faces)):
        _cover(points[faces[face]] * scale, mask)
    return mask


@jit()
def _cover(triangle: Floats | Doubles, mask: Mask) -> None:
    """Row for row, from the leftmost to the rightmost point of the triangle within it."""
    y = triangle[:, 1]
    for row in range(int(y.min()), min(int(y.max()), len(mask) - 1) + 1):
        left, right = np.inf, -np.inf
        for i in range(3):
            a, b = triangle[i], triangle[(i + 1) % 3]
            low, high = max(min(a[1], b[1]), row), min(max(a[1], b[1]), row + 1)
            if low > high:
                continue
            for level in (low, high):
                share = (level - a[1]) / (b[1] - a[1]) if a[1] != b[1] else 0.0
                across = a[0] + min(max(share, 0.0), 1.0) * (b[0] - a[0])
                left, right = min(left, across), max(right, across)
            if a[1] == b[1]:
                left, right = min(left, a[0], b[0]), max(right, a[0], b[0])
        if left <= right:
            mask[row, max(int(left), 0) : min(int(right), mask.shape[1] - 1) + 1] = 1


@jit()
def turned(mask: Mask, quarters: int) -> Mask:
    """Turned counter-clockwise (rows count upwards)."""
    height, width = mask.shape
    out = np.empty((width, height) if quarters % 2 else (height, width), np.uint8)
    for row in range(height):
        for column in range(width):
            if quarters == 0:
                out[row, column] = mask[row, column]
            elif quarters == 1:
                out[column, height - 1 - row] = mask[row, column]
            elif quarters == 2:
                out[height - 1 - row, width - 1 - column] = mask[row, column]
            else:
                out[width - 1 - column, row] = mask[row, column]
    return out


@jit()
def dilated(mask: Mask, gap: int) -> Mask:
    """Wider by `gap` cells on every side."""
    height, width = mask.shape
    rows = np.zeros((height, width + 2 * gap), np.uint8)
    out = np.zeros((height + 2 * gap, width + 2 * gap), np.uint8)
    for shift in range(2 * gap + 1):
        rows[:, shift : shift + width] |= mask
    for shift in range(2 * gap + 1):
        out[shift : shift + height] |= rows
    return out


@jit()
def runs(mask: Mask) -> Integers:
    """[R, 3]: row, first column and the one past the last of every run of cells."""
    height, width = mask.shape
    out = np.empty((height * (width // 2 + 1), 3), np.int64)
    count = 0
    for row in range(height):
        start = -1
        for column in range(width + 1):
            inside = column < width and mask[row, column]
            if inside and start < 0:
                start = column
            elif not inside and start >= 0:
                out[count, 0], out[count, 1], out[count, 2] = row, start, column
                count, start = count + 1, -1
    return out[:count]


@jit()
def first_fit(
    sheet: OccupancyGrid, shape: Integers, size: tuple[int, int], between: tuple[int, int]
) -> tuple[int, int]:
    """The lowest, then leftmost free corner of a shape of runs, its rows within `between`.

    -1 if there is none.
    """
    _, next_taken, next_free, widest = sheet
    height, width = size
    shape = shape[np.argsort(shape[:, 1] - shape[:, 2])]  # the longest first: it fits the least
    longest = shape[0, 2] - shape[0, 1]
    count, last = len(shape), 0
    for y in range(between[0], min(between[1], len(next_taken) + 1) - height):
        x = 0 if widest[y + shape[0, 0]] >= longest else next_taken.shape[1]
        while x + width <= next_taken.shape[1]:
            moved = False
            for i in range(count):
                # What blocked it last is the likeliest to block it again.
                k = i + last if i + last < count else i + last - count
                row, start, end = y + shape[k, 0], shape[k, 1], shape[k, 2]
                block = next_taken[row, x + start]
                if block < x + end:
                    x = next_free[row, block] - start
                    last, moved = k, True
                    break
            if not moved:
                return x, y
    return -1, -1


@jit()
def occupy(sheet: OccupancyGrid, shape: Integers, x: int, y: int) -> None:
    """Take the cells of a shape of runs whose corner lies at (x, y)."""
    taken, next_taken, next_free, widest = sheet
    width = taken.shape[1]
    for k in range(len(shape)):
        taken[y + shape[k, 0], x + shape[k, 1] : x + shape[k, 2]] = 1
    for k in range(len(shape)):
        row = y + shape[k, 0]
        if k and shape[k, 0] == shape[k - 1, 0]:
            continue
        full, free = width, width
        widest[row] = 0
        for column in range(width - 1, -1, -1):
            if taken[row, column]:
                full = column
            else:
                free = column
            next_taken[row, column], next_free[row, column] = full, free
            widest[row] = max(widest[row], full - column)
