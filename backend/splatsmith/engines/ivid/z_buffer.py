"""Depth meshes drawn into a camera with a z-buffer, and what they show blended; without OpenGL."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from .triangle_setup import (
    BOUNDS_TOLERANCE,
    Corners,
    clipped_bounds,
    covered_interval,
    edge_functions,
    quad_corners,
)

# Weights of the published renderer.
GAZE_FALLOFF, MAX_FALLOFF = 20.0, 50.0  # exp(-20 angle), of the angle between gaze and normal
MIN_WEIGHT = 1e-4
ERODED_FACTOR = 1e-8
UNRELIABLE_WEIGHT = 1e-16  # padding and discontinuities
COLOR_LIMIT, DEPTH_LIMIT = 1e-6, 1e-14  # greater weights count as seen
UNRELIABLE_DEPTH_WEIGHT = 1e-8
ONLY_UNRELIABLE = 2e-8  # a pixel's sum of depth weights below which it has seen no more

DISCONTINUOUS, PADDING, ERODED = 1, 2, 4  # bits of a vertex's flag
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
    """What pixels have gathered so far, [S, S] or [S, S, 3]; float32 and, for counts, uint8.

    color / weight and inverse / inverse_weight are the means. seen, seen_color: counts of meshes.
    """

    color: Floats
    weight: Floats
    inverse: Floats
    inverse_weight: Floats
    seen: Bytes
    seen_color: Bytes


class Band(NamedTuple):
    """Rows of the image from `top`: the inverse depth of what is nearest [H, S], and its triangle's
    number [H, S], or NONE.
    """

    top: int
    inverse: Floats
    triangles: NDArray[np.int32]


class Face(NamedTuple):
    """A triangle of a mesh: its vertices, its number, and whether it belongs to the padding."""

    corners: Corners
    number: int
    is_padding: bool


class Fragment(NamedTuple):
    """The number of the triangle that a mesh shows at a pixel."""

    number: int
    row: int
    column: int


class Sample(NamedTuple):
    """What is shown there. texel: row and column of the mesh's image."""

    inverse: float
    weight: float
    texel: tuple[int, int]


def empty_sums(size: int) -> Sums:
    plane = (size, size)
    weight, inverse, inverse_weight = (np.zeros(plane, np.float32) for _ in range(3))
    seen, seen_color = (np.zeros(plane, np.uint8) for _ in range(2))
    color = np.zeros((*plane, 3), np.float32)
    return Sums(color, weight, inverse, inverse_weight, seen, seen_color)


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
    for band in numba.prange(bands):
        top, bottom = band * size // bands, (band + 1) * size // bands
        inverse = np.empty((bottom - top, size), np.float32)
        triangles = np.empty((bottom - top, size), np.int32)
        for mesh in range(len(meshes.positions)):
            inverse[:] = 1 / lens.far
            triangles[:] = NONE
            _draw_band(meshes, projection, lens, mesh, Band(top, inverse, triangles))
            for row in range(bottom - top):
                for column in range(size):
                    number = triangles[row, column]
                    if number > NONE:
                        fragment = Fragment(number, top + row, column)
                        sample = _sample(meshes, projection, lens, mesh, fragment)
                        _add(sums, sample, meshes.images[mesh], fragment)


@jit()
def _draw_band(
    meshes: MeshArrays,
    projection: Projection,
    lens: Lens,
    mesh: int,
    band: Band,
) -> None:
    """The nearest triangle of a mesh at each pixel of a band, or NONE: a front face's number."""
    top, bottom = band.top, band.top + len(band.inverse)
    rows, columns = meshes.flips.shape[1], meshes.flips.shape[2] + 1
    for row in range(rows):
        if projection.ranges[mesh, row, 1] < top or projection.ranges[mesh, row, 0] > bottom:
            continue
        for column in range(columns - 1):
            flip = meshes.flips[mesh, row, column]
            for half in range(2):
                corners = quad_corners(row, column, half, columns, flip)
                number = 2 * (row * (columns - 1) + column) + half
                bounds = _bounds(projection.local[mesh], projection.pixels[mesh], corners, lens)
                if bounds[0] <= bounds[1] and bounds[3] >= top and bounds[2] < bottom:
                    is_padding = _any_flag(meshes.flags[mesh], corners, PADDING)
                    face = Face(corners, number, is_padding)
                    _draw_triangle(projection.local[mesh], face, lens, bounds, band)


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
    local: Floats,
    face: Face,
    lens: Lens,
    bounds: tuple[int, int, int, int],
    band: Band,
) -> None:
    """Into the z-buffer of a band. A back face hides what is behind it and shows nothing; one of
    the padding is left out.
    """
    top, inverse = band.top, band.inverse
    edges, determinant = edge_functions(local, face.corners)
    if determinant == 0 or (determinant > 0 and face.is_padding):
        return
    label = face.number if determinant < 0 else NONE
    middle, unit = 0.5 * lens.size - 0.5, 1 / lens.focal
    slope = (edges[0] + edges[3] + edges[6]) * unit
    for row in range(max(bounds[2], top), min(bounds[3] + 1, top + len(inverse))):
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
            if inverse[row - top, column] < value <= 1 / lens.near:
                inverse[row - top, column] = value
                band.triangles[row - top, column] = label
            value += slope


@jit()
def _sample(
    meshes: MeshArrays, projection: Projection, lens: Lens, mesh: int, fragment: Fragment
) -> Sample:
    """What a mesh shows at a pixel."""
    quads, columns = meshes.flips.shape[2], meshes.flips.shape[2] + 1
    row, column = fragment.number // 2 // quads, fragment.number // 2 % quads
    flip = meshes.flips[mesh, row, column]
    corners = quad_corners(row, column, fragment.number % 2, columns, flip)
    edges, _ = edge_functions(projection.local[mesh], corners)
    x = (fragment.column + 0.5 - 0.5 * lens.size) / lens.focal
    y = (fragment.row + 0.5 - 0.5 * lens.size) / lens.focal
    b0 = edges[0] * x + edges[1] * y + edges[2]
    b1 = edges[3] * x + edges[4] * y + edges[5]
    b2 = edges[6] * x + edges[7] * y + edges[8]
    inverse = b0 + b1 + b2
    shares = (b0 / inverse, b1 / inverse, b2 / inverse)
    weight = _weight(meshes, mesh, corners, shares)
    return Sample(inverse, weight, _texel(corners, shares, columns, meshes.images.shape[1]))


@jit()
def _add(sums: Sums, sample: Sample, image: Floats, fragment: Fragment) -> None:
    """Of unreliable samples alone, a pixel keeps the farthest; any others are added."""
    row, column, weight = fragment.row, fragment.column, sample.weight
    is_reliable = weight > DEPTH_LIMIT
    depth_weight = 1.0 if is_reliable else UNRELIABLE_DEPTH_WEIGHT
    gathered = sums.inverse_weight[row, column]
    if not is_reliable and 0 < gathered < ONLY_UNRELIABLE:
        if sample.inverse >= sums.inverse[row, column] / gathered:
            return
        sums.color[row, column] = 0
        sums.weight[row, column] = sums.inverse[row, column] = 0
        sums.inverse_weight[row, column] = 0
    y, x = sample.texel
    for channel in range(3):
        sums.color[row, column, channel] += image[y, x, channel] * weight
    sums.weight[row, column] += weight
    sums.inverse[row, column] += sample.inverse * depth_weight
    sums.inverse_weight[row, column] += depth_weight
    sums.seen[row, column] += is_reliable
    sums.seen_color[row, column] += weight > COLOR_LIMIT


@jit()
def _weight(
    meshes: MeshArrays, mesh: int, corners: Corners, shares: tuple[float, float, float]
) -> float:
    """By how directly the mesh's own camera sees the point."""
    flags = meshes.flags[mesh]
    i, j, k = corners
    if _any_flag(flags, corners, PADDING) or flags[i] & flags[j] & flags[k] & DISCONTINUOUS:
        return UNRELIABLE_WEIGHT
    dot = gaze_square = normal_square = 0.0
    positions, normals = meshes.positions[mesh], meshes.normals[mesh]
    a, b, c = shares
    for axis in range(3):
        point = a * positions[i, axis] + b * positions[j, axis] + c * positions[k, axis]
        normal = a * normals[i, axis] + b * normals[j, axis] + c * normals[k, axis]
        gaze = meshes.eyes[mesh, axis] - point
        dot += gaze * normal
        gaze_square += gaze * gaze
        normal_square += normal * normal
    cosine = dot / math.sqrt(max(gaze_square * normal_square, 1e-30))
    angle = math.acos(min(max(cosine, 0.0), 1.0))
    weight = max(math.exp(-min(GAZE_FALLOFF * angle, MAX_FALLOFF)), MIN_WEIGHT)
    return weight * ERODED_FACTOR if flags[i] & flags[j] & flags[k] & ERODED else weight


@jit()
def _texel(
    corners: Corners, shares: tuple[float, float, float], columns: int, size: int
) -> tuple[int, int]:
    """Row and column of the nearest texel; the grid's border has the image's border's."""
    x = y = 0.0
    for n in range(3):
        x += shares[n] * (min(max(corners[n] % columns - 1, 0), size - 1) + 0.5)
        y += shares[n] * (min(max(corners[n] // columns - 1, 0), size - 1) + 0.5)
    return min(max(int(y), 0), size - 1), min(max(int(x), 0), size - 1)


@jit()
def _any_flag(flags: Bytes, corners: Corners, bit: int) -> bool:
    i, j, k = corners
    return ((flags[i] | flags[j] | flags[k]) & bit) != 0
