"""An occupancy grid for packing, and chart masks that are fitted into it.

Each cell holds the columns of the next occupied and the next free cell of its row, so that a mask
skips a blocked position by the whole width of what blocks it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, jit
from ..array_types import Doubles, Indices

CellMask = NDArray[np.uint8]  # [rows, columns], rows upwards


class OccupancyGrid(NamedTuple):
    taken: CellMask
    next_taken: Indices  # [rows, columns] column of the next taken cell of the row
    next_free: Indices  # [rows, columns] column of the next free cell of the row
    longest_free: Indices  # [rows] longest free run


@jit()
def empty_grid(height: int, width: int) -> OccupancyGrid:
    taken = np.zeros((height, width), np.uint8)
    next_taken = np.full((height, width), width, np.int32)
    next_free = np.empty((height, width), np.int32)
    next_free[:] = np.arange(width)
    return OccupancyGrid(taken, next_taken, next_free, np.full(height, width, np.int32))


@jit()
def rasterize_chart(points: Floats, faces: Indices, scale: float) -> CellMask:
    """Conservative rasterisation: all cells that triangles [F, 3] of scale * points touch."""
    width, height = 1, 1
    for corner in faces.reshape(-1):
        width = max(width, int(points[corner, 0] * scale) + 1)
        height = max(height, int(points[corner, 1] * scale) + 1)
    mask = np.zeros((height, width), np.uint8)
    for face in range(len(faces)):
        _rasterize_triangle(points[faces[face]] * scale, mask)
    return mask


@jit()
def _rasterize_triangle(triangle: Floats | Doubles, mask: CellMask) -> None:
    """Row by row, from the leftmost to the rightmost point of the triangle within it."""
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
                x = a[0] + min(max(share, 0.0), 1.0) * (b[0] - a[0])
                left, right = min(left, x), max(right, x)
            if a[1] == b[1]:
                left, right = min(left, a[0], b[0]), max(right, a[0], b[0])
        if left <= right:
            mask[row, max(int(left), 0) : min(int(right), mask.shape[1] - 1) + 1] = 1


@jit()
def rotate_mask(mask: CellMask, quarters: int) -> CellMask:
    """Rotated counter-clockwise."""
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
def dilate_mask(mask: CellMask, radius: int) -> CellMask:
    """Dilated by a square; larger by `radius` cells on every side."""
    height, width = mask.shape
    rows = np.zeros((height, width + 2 * radius), np.uint8)
    out = np.zeros((height + 2 * radius, width + 2 * radius), np.uint8)
    for shift in range(2 * radius + 1):
        rows[:, shift : shift + width] |= mask
    for shift in range(2 * radius + 1):
        out[shift : shift + height] |= rows
    return out


@jit()
def mask_runs(mask: CellMask) -> Integers:
    """[R, 3] run-length encoding: row, first column, and one past the last column."""
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
def first_fit(grid: OccupancyGrid, mask: CellMask, first_row: int, end_row: int) -> tuple[int, int]:
    """The lowest, then leftmost position x, y at which `mask` fits into free cells; or -1, -1.

    All its rows lie between `first_row` and before `end_row`.
    """
    next_taken, next_free = grid.next_taken, grid.next_free
    height, width = mask.shape
    runs = mask_runs(mask)
    # The longest run first: it is the likeliest to be blocked.
    runs = runs[np.argsort(runs[:, 1] - runs[:, 2])]
    longest = runs[0, 2] - runs[0, 1]
    count, last = len(runs), 0
    for y in range(first_row, min(end_row, len(next_taken) + 1) - height):
        x = 0 if grid.longest_free[y + runs[0, 0]] >= longest else next_taken.shape[1]
        while x + width <= next_taken.shape[1]:
            moved = False
            for i in range(count):
                # The run that was blocked last is the likeliest to be blocked again.
                k = i + last if i + last < count else i + last - count
                row, start, end = y + runs[k, 0], runs[k, 1], runs[k, 2]
                block = next_taken[row, x + start]
                if block < x + end:
                    x = next_free[row, block] - start
                    last, moved = k, True
                    break
            if not moved:
                return x, y
    return -1, -1


@jit()
def occupy(grid: OccupancyGrid, mask: CellMask, x: int, y: int) -> None:
    """Take the cells of `mask` with its corner at (x, y)."""
    taken, longest_free = grid.taken, grid.longest_free
    width = taken.shape[1]
    runs = mask_runs(mask)
    for k in range(len(runs)):
        taken[y + runs[k, 0], x + runs[k, 1] : x + runs[k, 2]] = 1
    for k in range(len(runs)):
        row = y + runs[k, 0]
        if k and runs[k, 0] == runs[k - 1, 0]:
            continue
        full, free = width, width
        longest_free[row] = 0
        for column in range(width - 1, -1, -1):
            if taken[row, column]:
                full = column
            else:
                free = column
            grid.next_taken[row, column], grid.next_free[row, column] = full, free
            longest_free[row] = max(longest_free[row], full - column)
