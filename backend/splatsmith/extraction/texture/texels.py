"""Rasterisation of an atlas: which face each texel shows, and where on the surface it lies."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ...gaussians.numba_jit import Bytes, Floats, Integers, Number, jit
from ..array_types import Doubles, Indices

TILE = 8  # texels a side that follow each other in memory order, since they lie together
NO_FACE = -1
_STRIP = 64  # rows or columns per thread
_MARGIN = 0.75  # texels around a face that show it where they lie in no other face
_TINY = np.float32(1e-30)


class AtlasArrays(NamedTuple):
    """An atlas as compiled loops take it."""

    faces: Indices  # [F, 3]
    uvs: Floats  # [V, 2]
    positions: Floats  # [V, 3]
    normals: Floats  # [V, 3]


@jit(parallel=True)
def rasterize_faces(uvs: Floats, faces: Indices, size: int) -> Indices:
    """[size, size] the face at each texel's centre, or close to it; NO_FACE elsewhere.

    Rows run as in the image, from v = 0 on.
    """
    face_ids = np.full((size, size), NO_FACE, np.int32)
    is_inside = np.zeros((size, size), np.uint8)
    for strip in numba.prange((size + _STRIP - 1) // _STRIP):
        top, bottom = strip * _STRIP, min((strip + 1) * _STRIP, size)
        triangle = np.empty((3, 2), np.float64)
        for face in range(len(faces)):
            for i in range(3):
                triangle[i, 1] = uvs[faces[face, i], 1] * size - 0.5
            y0, y1 = _texel_range(triangle[:, 1], top, bottom)
            if y0 < y1:
                for i in range(3):
                    triangle[i, 0] = uvs[faces[face, i], 0] * size - 0.5
                _rasterize_face(triangle, face, y0, y1, face_ids, is_inside)
    return face_ids


@jit()
def _rasterize_face(
    triangle: Doubles, face: int, top: int, bottom: int, face_ids: Indices, is_inside: Bytes
) -> None:
    """Set the texels of a face, corners [3, 2] in texels, in rows from `top` to before `bottom`."""
    x0, x1 = _texel_range(triangle[:, 0], 0, face_ids.shape[1])
    edges = _edge_functions(triangle)
    for row in range(top, bottom):
        for column in range(x0, x1):
            outside = -np.inf
            for a, b, c in edges:
                outside = max(outside, a * column + b * row + c)
            if outside <= 0 or (outside <= _MARGIN and not is_inside[row, column]):
                face_ids[row, column] = face
                is_inside[row, column] = outside <= 0


@jit()
def _texel_range(coordinates: Doubles, first: int, end: int) -> tuple[int, int]:
    """The texels from `first` to before `end` that a face and its margin may cover."""
    low = min(coordinates[0], coordinates[1], coordinates[2])
    high = max(coordinates[0], coordinates[1], coordinates[2])
    return max(first, int(np.ceil(low - _MARGIN))), min(end, int(np.floor(high + _MARGIN)) + 1)


@jit()
def _edge_functions(triangle: Doubles) -> Doubles:
    """[3, 3]: a x + b y + c is the distance of (x, y) outside each edge."""
    edges = np.zeros((3, 3), np.float64)
    u, v = triangle[1] - triangle[0], triangle[2] - triangle[0]
    orientation = -1.0 if u[0] * v[1] - u[1] * v[0] < 0 else 1.0
    for i in range(3):
        start, end = triangle[i], triangle[(i + 1) % 3]
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = np.sqrt(dx * dx + dy * dy)
        if length > 0:
            edges[i, 0], edges[i, 1] = orientation * dy / length, -orientation * dx / length
            edges[i, 2] = -(edges[i, 0] * start[0] + edges[i, 1] * start[1])
    return edges


@jit()
def covered_texels(face_ids: Indices, top: int, bottom: int) -> Integers:
    """Flat indices of the texels with a face in rows `top` to before `bottom`, tile by tile."""
    rows = (bottom - top) // TILE
    starts = np.zeros(rows + 1, np.int64)
    _count_covered(face_ids, top, starts[1:])
    for row in range(rows):
        starts[row + 1] += starts[row]
    texels = np.empty(starts[rows], np.int64)
    _list_covered(face_ids, top, starts, texels)
    return texels


@jit(parallel=True)
def _count_covered(face_ids: Indices, top: int, counts: Integers) -> None:
    """Of each row of tiles."""
    for tiles in numba.prange(len(counts)):
        count = 0
        for row in range(top + TILE * tiles, top + TILE * (tiles + 1)):
            for column in range(face_ids.shape[1]):
                count += face_ids[row, column] != NO_FACE
        counts[tiles] = count


@jit(parallel=True)
def _list_covered(face_ids: Indices, top: int, starts: Integers, texels: Integers) -> None:
    """Those of row of tiles r are texels[starts[r]:starts[r + 1]]."""
    size = face_ids.shape[1]
    for tiles in numba.prange(len(starts) - 1):
        position = starts[tiles]
        first = top + TILE * tiles
        for left in range(0, size, TILE):
            for row in range(first, first + TILE):
                for column in range(left, left + TILE):
                    if face_ids[row, column] != NO_FACE:
                        texels[position] = row * size + column
                        position += 1


@jit(parallel=True)
def texel_positions(
    texels: Integers, face_ids: Indices, atlas: AtlasArrays
) -> tuple[Floats, Floats]:
    """Positions and unit normals [T, 3] on the surface, interpolated at texels' centres."""
    size = face_ids.shape[1]
    positions = np.empty((len(texels), 3), np.float32)
    normals = np.empty((len(texels), 3), np.float32)
    for i in numba.prange(len(texels)):
        row, column = texels[i] // size, texels[i] % size
        corners = atlas.faces[face_ids[row, column]]
        a, b, c = atlas.uvs[corners[0]], atlas.uvs[corners[1]], atlas.uvs[corners[2]]
        weights = _barycentric((column + 0.5) / size, (row + 0.5) / size, a, b, c)
        for axis in range(3):
            positions[i, axis] = _interpolate(atlas.positions, corners, weights, axis)
            normals[i, axis] = _interpolate(atlas.normals, corners, weights, axis)
        x, y, z = normals[i]
        length = max(np.sqrt(x * x + y * y + z * z), _TINY)
        normals[i, 0], normals[i, 1], normals[i, 2] = x / length, y / length, z / length
    return positions, normals


@jit()
def _barycentric(x: float, y: float, a: Floats, b: Floats, c: Floats) -> tuple[float, float, float]:
    """Barycentric coordinates of (x, y), clamped to the triangle."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if area == 0:
        return 1 / 3, 1 / 3, 1 / 3
    first = max(0.0, ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area)
    second = max(0.0, ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area)
    third = max(0.0, ((a[0] - x) * (b[1] - y) - (b[0] - x) * (a[1] - y)) / area)
    total = first + second + third
    return first / total, second / total, third / total


@jit()
def _interpolate(
    values: Floats, corners: Indices, weights: tuple[float, float, float], axis: int
) -> Number:
    return (
        weights[0] * values[corners[0], axis]
        + weights[1] * values[corners[1], axis]
        + weights[2] * values[corners[2], axis]
    )


@jit(parallel=True)
def scatter_colors(colors: Bytes, texels: Integers, image: Bytes) -> None:
    """Set `texels` of a flat image [P, 3] to `colors` [T, 3]."""
    for i in numba.prange(len(texels)):
        for channel in range(3):
            image[texels[i], channel] = colors[i, channel]


@jit(parallel=True)
def fill_uncovered(image: Bytes, face_ids: Indices, nearest: Indices) -> None:
    """Give texels of an image [S, S, 3] without a face the colour of the `nearest` with one."""
    size = len(face_ids)
    for row in numba.prange(size):
        for column in range(size):
            source = nearest[row, column]
            if face_ids[row, column] == NO_FACE and source >= 0:
                for channel in range(3):
                    image[row, column, channel] = image[source // size, source % size, channel]


@jit(parallel=True)
def nearest_covered(face_ids: Indices) -> Indices:
    """[S, S] flat index of the nearest texel with a face (exact distance transform); -1 if none."""
    size = len(face_ids)
    in_column = _nearest_rows(face_ids)
    nearest = np.full((size, size), -1, np.int32)
    for row in numba.prange(size):
        for column in range(size):
            least = 2 * size * size
            for offset in range(size):
                if offset * offset >= least:
                    break
                for other in (column - offset, column + offset):
                    if 0 <= other < size and in_column[row, other] >= 0:
                        squared = offset * offset + (in_column[row, other] - row) ** 2
                        if squared < least:
                            least = squared
                            nearest[row, column] = in_column[row, other] * size + other
    return nearest


@jit(parallel=True)
def _nearest_rows(face_ids: Indices) -> Indices:
    """[S, S] the nearest row in which the texel's column has a face; -1 if there is none."""
    size = len(face_ids)
    rows = np.full((size, size), -1, np.int32)
    for strip in numba.prange((size + _STRIP - 1) // _STRIP):
        columns = range(strip * _STRIP, min((strip + 1) * _STRIP, size))
        for row in range(size):
            for column in columns:
                above = rows[row - 1, column] if row else -1
                rows[row, column] = row if face_ids[row, column] != NO_FACE else above
        for row in range(size - 2, -1, -1):
            for column in columns:
                above, below = rows[row, column], rows[row + 1, column]
                if below >= 0 and (above < 0 or below - row < row - above):
                    rows[row, column] = below
    return rows
