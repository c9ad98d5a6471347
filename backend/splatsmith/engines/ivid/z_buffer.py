"""Depth meshes drawn into a camera with a z-buffer, and what they show blended; without OpenGL."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from .depth_mesh import PADDING
from .sample_weights import (
    COLOR_LIMIT,
    DEPTH_LIMIT,
    ONLY_UNRELIABLE,
    UNRELIABLE_DEPTH_WEIGHT,
    UNRELIABLE_WEIGHT,
    any_flag,
    gaze_weight,
    weight_factor,
)
from .triangle_setup import (
    BOUNDS_TOLERANCE,
    Corners,
    Edges,
    barycentric,
    clipped_bounds,
    covered_interval,
    edge_functions,
    grid_place,
    quad_corners,
)

NONE = -1  # of triangle numbers
_BANDS_PER_THREAD = 3

Bytes = NDArray[np.uint8]


class MeshArrays(NamedTuple):
    """M meshes of grids of R x C vertices.

    positions, normals: [M, R C, 3] float32, world. flags: [M, R C] uint8. flips: [M, R - 1, C - 1]
    bool. eyes: [M, 3]. images: [M, N, N, 3] float32, sRGB.
    """

    positions: Floats
    normals: Floats
    flags: Bytes
    flips: NDArray[np.bool_]
    eyes: Floats
    images: Floats


class Projection(NamedTuple):
    """Vertices in the camera: `local` [M, V, 3] right, down, depth; `pixels` [M, V, 2]; and the
    image rows that a row of quads reaches, `ranges` [M, R - 1, 2].
    """

    local: Floats
    pixels: Floats
    ranges: Floats


class Lens(NamedTuple):
    """Of a square image of `size` pixels; `focal` in pixels."""

    size: int
    focal: float
    near: float
    far: float


class Sums(NamedTuple):
    """What pixels have gathered so far.

    planes: [S, S, 6] float32: colours times weights, weights; inverse depths times weights of their
    own, those weights. counts: [S, S, 2] uint8, of meshes whose depth, and colour, is reliable.
    """

    planes: Floats
    counts: Bytes


class Rows(NamedTuple):
    """Rows of the image from `top` to before `bottom`, which one thread draws."""

    top: int
    bottom: int


class Nearest(NamedTuple):
    """What a mesh has nearest at each pixel: inverse depths [S, S], and the triangle's number
    [S, S], or NONE.
    """

    inverse: Floats
    triangles: NDArray[np.int32]


def empty_sums(size: int) -> Sums:
    return Sums(np.zeros((size, size, 6), np.float32), np.zeros((size, size, 2), np.uint8))


def band_count(size: int) -> int:
    return min(size, _BANDS_PER_THREAD * numba.get_num_threads())


@jit(parallel=True)
def project(meshes: MeshArrays, world_to_camera: NDArray[np.float64], lens: Lens) -> Projection:
    """All vertices in a camera with OpenGL's axes."""
    count, vertices, _ = meshes.positions.shape
    rows, columns = meshes.flips.shape[1], meshes.flips.shape[2] + 1
    local = np.empty((count, vertices, 3), np.float32)
    pixels = np.empty((count, vertices, 2), np.float32)
    ranges = np.empty((count, rows, 2), np.float32)
    m = world_to_camera
    for mesh in numba.prange(count):
        for v in range(vertices):
            x, y, z = meshes.positions[mesh, v]
            right = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
            up = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
            depth = -(m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
            scale = lens.focal / depth if depth > 0 else 0.0
            local[mesh, v, 0], local[mesh, v, 1], local[mesh, v, 2] = right, -up, depth
            pixels[mesh, v, 0] = 0.5 * lens.size + scale * right
            pixels[mesh, v, 1] = 0.5 * lens.size - scale * up
        for row in range(rows):
            low, high = np.float32(np.inf), np.float32(-np.inf)
            for v in range(row * columns, (row + 2) * columns):
                if local[mesh, v, 2] < lens.near:
                    low, high = np.float32(-np.inf), np.float32(np.inf)
                low, high = min(low, pixels[mesh, v, 1]), max(high, pixels[mesh, v, 1])
            ranges[mesh, row, 0], ranges[mesh, row, 1] = low, high
    return Projection(local, pixels, ranges)


@jit(parallel=True)
def draw_meshes(
    meshes: MeshArrays, projection: Projection, lens: Lens, sums: Sums, bands: int
) -> None:
    """Add what each mesh shows, one after another, to `sums`. Bands of rows are independent."""
    size = lens.size
    inverse = np.empty((size, size), np.float32)
    triangles = np.empty((size, size), np.int32)
    for band in numba.prange(bands):
        rows = Rows(band * size // bands, (band + 1) * size // bands)
        for number in range(len(meshes.positions)):
            # Slices are taken here, once: each counts references.
            mesh, seen = _mesh(meshes, number), _projected(projection, number)
            inverse[rows.top : rows.bottom] = 1 / lens.far
            triangles[rows.top : rows.bottom] = NONE
            _draw_band(mesh, seen, lens, rows, Nearest(inverse, triangles))
            _add_band(mesh, seen, lens, rows, triangles, sums)


@jit()
def _mesh(meshes: MeshArrays, number: int) -> MeshArrays:
    """One of them: the same arrays without the first axis."""
    return MeshArrays(
        meshes.positions[number],
        meshes.normals[number],
        meshes.flags[number],
        meshes.flips[number],
        meshes.eyes[number],
        meshes.images[number],
    )


@jit()
def _projected(projection: Projection, number: int) -> Projection:
    """One mesh's."""
    return Projection(
        projection.local[number], projection.pixels[number], projection.ranges[number]
    )


@jit()
def _add_band(
    mesh: MeshArrays,
    projection: Projection,
    lens: Lens,
    rows: Rows,
    triangles: NDArray[np.int32],
    sums: Sums,
) -> None:
    """Add what a mesh shows in a band."""
    # Arrays are taken out of their tuples here: each access counts references.
    flips, flags, local, images = mesh.flips, mesh.flags, projection.local, mesh.images
    positions, normals, eye = mesh.positions, mesh.normals, mesh.eyes
    planes, counts = sums.planes, sums.counts
    quads, last = flips.shape[1], len(images) - 1
    middle, unit = 0.5 * lens.size - 0.5, 1 / lens.focal
    for row in range(rows.top, rows.bottom):
        current, half, quad_y, quad_x, flip, factor = NONE, 0, 0, 0, False, 0.0
        corners = quad_corners(0, 0, 0, quads + 1, False)
        edges, _ = edge_functions(local, corners)
        for column in range(lens.size):
            number = triangles[row, column]
            if number == NONE:
                continue
            if number != current:  # neighbours often lie on the same triangle
                current, half, quad = number, number & 1, number >> 1
                quad_y = quad // quads
                quad_x = quad - quad_y * quads
                flip = bool(flips[quad_y, quad_x])
                corners = quad_corners(quad_y, quad_x, half, quads + 1, flip)
                edges, _ = edge_functions(local, corners)
                factor = weight_factor(flags, corners)
            inverse, shares = barycentric(edges, ((column - middle) * unit, (row - middle) * unit))
            weight = UNRELIABLE_WEIGHT
            if factor > 0:
                weight = factor * gaze_weight(positions, normals, eye, corners, shares)
            y, x = grid_place(quad_y, quad_x, half, flip, shares)
            y, x = min(max(y, 0), last), min(max(x, 0), last)
            color = (images[y, x, 0], images[y, x, 1], images[y, x, 2])
            _add(planes, counts, (row, column), color, inverse, weight)


@jit()
def _draw_band(
    mesh: MeshArrays, projection: Projection, lens: Lens, rows: Rows, nearest: Nearest
) -> None:
    """The nearest triangle of a mesh at each pixel of a band, or NONE: a front face's number."""
    flags, flips, local, pixels = mesh.flags, mesh.flips, projection.local, projection.pixels
    ranges, inverse, triangles = projection.ranges, nearest.inverse, nearest.triangles
    columns = flips.shape[1] + 1
    for row in range(len(flips)):
        if ranges[row, 1] < rows.top or ranges[row, 0] > rows.bottom:
            continue
        is_within = ranges[row, 0] >= rows.top and ranges[row, 1] <= rows.bottom
        for column in range(columns - 1):
            first = row * columns + column
            if not is_within and _is_beside(local, pixels, (first, first + columns), lens, rows):
                continue
            flip = flips[row, column]
            for half in range(2):
                corners = quad_corners(row, column, half, columns, flip)
                bounds = _bounds(local, pixels, corners, lens)
                if bounds[0] > bounds[1] or bounds[3] < rows.top or bounds[2] >= rows.bottom:
                    continue
                edges, determinant = edge_functions(local, corners)
                is_front = determinant < 0
                if determinant == 0 or (not is_front and any_flag(flags, corners, PADDING)):
                    continue  # back faces of the padding are left out
                number = 2 * (row * (columns - 1) + column) + half
                within = (
                    bounds[0],
                    bounds[1],
                    max(bounds[2], rows.top),
                    min(bounds[3], rows.bottom - 1),
                )
                label = number if is_front else NONE
                _draw_triangle(edges, label, within, lens, inverse, triangles)


@jit()
def _is_beside(
    local: Floats, pixels: Floats, starts: tuple[int, int], lens: Lens, rows: Rows
) -> bool:
    """Whether a quad, of two vertices each from `starts`, lies above or below the rows."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for start in starts:
        for v in range(start, start + 2):
            if local[v, 2] < lens.near:
                return False
            low, high = min(low, pixels[v, 1]), max(high, pixels[v, 1])
    return bool(high < rows.top or low > rows.bottom)


@jit()
def _bounds(
    local: Floats, pixels: Floats, corners: Corners, lens: Lens
) -> tuple[int, int, int, int]:
    """First and last column, first and last row, whose pixels' centres a triangle may cover."""
    i, j, k = corners
    in_front = (
        int(local[i, 2] >= lens.near)
        + int(local[j, 2] >= lens.near)
        + int(local[k, 2] >= lens.near)
    )
    if in_front == 0:
        return 1, 0, 1, 0
    if in_front == 3:
        x0 = min(pixels[i, 0], pixels[j, 0], pixels[k, 0])
        x1 = max(pixels[i, 0], pixels[j, 0], pixels[k, 0])
        y0 = min(pixels[i, 1], pixels[j, 1], pixels[k, 1])
        y1 = max(pixels[i, 1], pixels[j, 1], pixels[k, 1])
    else:
        middle = 0.5 * lens.size
        x0, x1, y0, y1 = clipped_bounds(local, corners, lens.near, lens.focal)
        x0, x1, y0, y1 = x0 + middle, x1 + middle, y0 + middle, y1 + middle
    limit, half = lens.size + 1.0, 0.5 + BOUNDS_TOLERANCE
    return (
        int(math.ceil(min(max(x0, 0.0), limit) - half)),
        int(math.floor(min(max(x1, -1.0), limit) - 1 + half)),
        int(math.ceil(min(max(y0, 0.0), limit) - half)),
        int(math.floor(min(max(y1, -1.0), limit) - 1 + half)),
    )


@jit()
def _draw_triangle(
    edges: Edges,
    label: int,
    bounds: tuple[int, int, int, int],
    lens: Lens,
    inverse: Floats,
    triangles: NDArray[np.int32],
) -> None:
    """Into the z-buffer, within the bounds. A back face, of label NONE, hides what is behind it and
    shows nothing.
    """
    middle, unit = 0.5 * lens.size - 0.5, 1 / lens.focal
    slope = (edges[0] + edges[3] + edges[6]) * unit
    for row in range(bounds[2], bounds[3] + 1):
        y = (row - middle) * unit
        x0, x1 = covered_interval(
            edges, y, (bounds[0] - 1 - middle) * unit, (bounds[1] + 1 - middle) * unit
        )
        if x0 > x1:
            continue
        first = max(int(math.ceil(x0 * lens.focal + middle)), bounds[0], 0)
        last = min(int(math.floor(x1 * lens.focal + middle)), bounds[1], lens.size - 1)
        value = (
            slope * (first - middle)
            + (edges[1] + edges[4] + edges[7]) * y
            + (edges[2] + edges[5] + edges[8])
        )
        for column in range(first, last + 1):
            if inverse[row, column] < value <= 1 / lens.near:
                inverse[row, column] = value
                triangles[row, column] = label
            value += slope


@jit()
def _add(
    planes: Floats,
    counts: Bytes,
    place: tuple[int, int],
    color: tuple[float, float, float],
    inverse: float,
    weight: float,
) -> None:
    """Of unreliable samples alone, a pixel keeps the farthest; any others are added."""
    row, column = place
    is_reliable = weight > DEPTH_LIMIT
    depth_weight = 1.0 if is_reliable else UNRELIABLE_DEPTH_WEIGHT
    gathered = planes[row, column, 5]
    if not is_reliable and 0 < gathered < ONLY_UNRELIABLE:
        if inverse >= planes[row, column, 4] / gathered:
            return
        for plane in range(6):
            planes[row, column, plane] = 0
    for channel in range(3):
        planes[row, column, channel] += color[channel] * weight
    planes[row, column, 3] += weight
    planes[row, column, 4] += inverse * depth_weight
    planes[row, column, 5] += depth_weight
    counts[row, column, 0] += is_reliable
    counts[row, column, 1] += weight > COLOR_LIMIT
