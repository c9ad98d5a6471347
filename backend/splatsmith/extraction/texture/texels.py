"""Texels and the faces that lie on them."""

from __future__ import annotations

import numba
import numpy as np

from ...gaussians.numba_jit import Bytes, Floats, Integers, Number, jit
from ..surface.adjacency import Doubles, Indices

TILE = 8  # texels a side that are painted one after another, since they lie together
NO_FACE = -1
_STRIP = 64  # rows or columns that one thread takes at once
_RIM = 0.75  # texels outside of a face that are still its own where no face is at home
_TINY = np.float32(1e-30)


@jit(parallel=True)
def rasterize_faces(uvs: Floats, faces: Indices, size: int) -> Indices:
    """The face [size, size] on every texel's centre, or close by it; NOBODY where none is.

    Rows run as in the picture, from v = 0 on.
    """
    owner = np.full((size, size), NO_FACE, np.int32)
    at_home = np.zeros((size, size), np.uint8)
    for strip in numba.prange((size + _STRIP - 1) // _STRIP):
        top, bottom = strip * _STRIP, min((strip + 1) * _STRIP, size)
        triangle = np.empty((3, 2), np.float64)
        for face in range(len(faces)):
            for i in range(3):
                triangle[i, 1] = uvs[faces[face, i], 1] * size - 0.5
            y0, y1 = _span(triangle[:, 1], top, bottom)
            if y0 < y1:
                for i in range(3):
                    triangle[i, 0] = uvs[faces[face, i], 0] * size - 0.5
                _claim(triangle, face, (y0, y1), owner, at_home)
    return owner


@jit()
def _claim(
    triangle: Doubles, face: int, rows: tuple[int, int], owner: Indices, at_home: Bytes
) -> None:
    x0, x1 = _span(triangle[:, 0], 0, owner.shape[1])
    edges = _edges(triangle)
    for row in range(rows[0], rows[1]):
        for column in range(x0, x1):
            outside = -np.inf
            for a, b, c in edges:
                outside = max(outside, a * column + b * row + c)
            if outside <= 0 or (outside <= _RIM and not at_home[row, column]):
                owner[row, column] = face
                at_home[row, column] = outside <= 0


@jit()
def _span(places: Doubles, first: int, end: int) -> tuple[int, int]:
    """Those of the texels from `first` to `end` that a face may own."""
    low = min(places[0], places[1], places[2])
    high = max(places[0], places[1], places[2])
    return max(first, int(np.ceil(low - _RIM))), min(end, int(np.floor(high + _RIM)) + 1)


@jit()
def _edges(triangle: Doubles) -> Doubles:
    """[3, 3]: a x + b y + c is how far (x, y) lies outside of each edge."""
    edges = np.zeros((3, 3), np.float64)
    u, v = triangle[1] - triangle[0], triangle[2] - triangle[0]
    turn = -1.0 if u[0] * v[1] - u[1] * v[0] < 0 else 1.0
    for i in range(3):
        start, end = triangle[i], triangle[(i + 1) % 3]
        across, up = end[0] - start[0], end[1] - start[1]
        length = np.sqrt(across * across + up * up)
        if length > 0:
            edges[i, 0], edges[i, 1] = turn * up / length, -turn * across / length
            edges[i, 2] = -(edges[i, 0] * start[0] + edges[i, 1] * start[1])
    return edges


def painted(owner: Indices, top: int, bottom: int) -> Integers:
    """The texels, counted row after row, that have an owner in some rows, tile after tile."""
    size = owner.shape[1]
    texels = np.arange(top * size, bottom * size).reshape(-1, TILE, size // TILE, TILE)
    texels = texels.transpose(0, 2, 1, 3).reshape(-1)
    return texels[owner.reshape(-1)[texels] != NO_FACE]


@jit(parallel=True)
def texel_positions(
    texels: Integers, owner: Indices, uvs: Floats, faces: Indices, skin: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Where on the surface texels lie, [T, 3], and its unit normals there.

    Args:
        skin: the places and the normals of the vertices [V, 3].
    """
    size = owner.shape[1]
    points = np.empty((len(texels), 3), np.float32)
    normals = np.empty((len(texels), 3), np.float32)
    for i in numba.prange(len(texels)):
        row, column = texels[i] // size, texels[i] % size
        corners = faces[owner[row, column]]
        a, b, c = uvs[corners[0]], uvs[corners[1]], uvs[corners[2]]
        weights = _corner_weights((column + 0.5) / size, (row + 0.5) / size, a, b, c)
        for axis in range(3):
            points[i, axis] = _mixed(skin[0], corners, weights, axis)
            normals[i, axis] = _mixed(skin[1], corners, weights, axis)
        x, y, z = normals[i]
        length = max(np.sqrt(x * x + y * y + z * z), _TINY)
        normals[i, 0], normals[i, 1], normals[i, 2] = x / length, y / length, z / length
    return points, normals


@jit()
def _corner_weights(
    x: float, y: float, a: Floats, b: Floats, c: Floats
) -> tuple[float, float, float]:
    """What the corners of a face count for at (x, y); none below 0, 1 in sum."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if area == 0:
        return 1 / 3, 1 / 3, 1 / 3
    first = max(0.0, ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area)
    second = max(0.0, ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area)
    third = max(0.0, ((a[0] - x) * (b[1] - y) - (b[0] - x) * (a[1] - y)) / area)
    total = first + second + third
    return first / total, second / total, third / total


@jit()
def _mixed(
    values: Floats, corners: Indices, weights: tuple[float, float, float], axis: int
) -> Number:
    return (
        weights[0] * values[corners[0], axis]
        + weights[1] * values[corners[1], axis]
        + weights[2] * values[corners[2], axis]
    )


@jit(parallel=True)
def put(colors: Bytes, texels: Integers, picture: Bytes) -> None:
    """Set `texels` of a picture [P, 3] to colours [T, 3]."""
    for i in numba.prange(len(texels)):
        for channel in range(3):
            picture[texels[i], channel] = colors[i, channel]


@jit(parallel=True)
def spread(picture: Bytes, owner: Indices, nearest: Indices) -> None:
    """Give texels of a picture [S, S, 3] without an owner the colour of the `nearest` with one."""
    size = len(owner)
    for row in numba.prange(size):
        for column in range(size):
            source = nearest[row, column]
            if owner[row, column] == NO_FACE and source >= 0:
                for channel in range(3):
                    picture[row, column, channel] = picture[source // size, source % size, channel]


@jit(parallel=True)
def nearest_covered(owner: Indices) -> Indices:
    """The nearest texel [S, S] that has an owner, counted row after row; -1 if none has."""
    size = len(owner)
    in_column = _nearest_rows(owner)
    nearest = np.full((size, size), -1, np.int32)
    for row in numba.prange(size):
        for column in range(size):
            least = 2 * size * size
            for away in range(size):
                if away * away >= least:
                    break
                for other in (column - away, column + away):
                    if 0 <= other < size and in_column[row, other] >= 0:
                        far = away * away + (in_column[row, other] - row) ** 2
                        if far < least:
                            least = far
                            nearest[row, column] = in_column[row, other] * size + other
    return nearest


@jit(parallel=True)
def _nearest_rows(owner: Indices) -> Indices:
    """For every texel [S, S] the nearest row in which its column has an owner; -1 if none is."""
    size = len(owner)
    rows = np.full((size, size), -1, np.int32)
    for strip in numba.prange((size + _STRIP - 1) // _STRIP):
        columns = range(strip * _STRIP, min((strip + 1) * _STRIP, size))
        for row in range(size):
            for column in columns:
                above = rows[row - 1, column] if row else -1
                rows[row, column] = row if owner[row, column] != NO_FACE else above
        for row in range(size - 2, -1, -1):
            for column in columns:
                above, below = rows[row, column], rows[row + 1, column]
                if below >= 0 and (above < 0 or below - row < row - above):
                    rows[row, column] = below
    return rows
