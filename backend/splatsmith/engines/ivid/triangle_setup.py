"""Triangles of depth meshes as a camera sees them: edge functions and bounds, for numba's loops."""

from __future__ import annotations

import math

import numpy as np

from ...gaussians.numba_jit import Floats, jit

# Where a pixel's centre lies on an edge, both triangles cover it: rounding opens no cracks.
EDGE_TOLERANCE = 1e-9  # of edge functions
BOUNDS_TOLERANCE = 1e-3  # pixels

Edges = tuple[float, float, float, float, float, float, float, float, float]
Corners = tuple[int, int, int]


@jit()
def quad_corners(row: int, column: int, half: int, columns: int, flip: bool) -> Corners:
    """Vertices of a triangle of a quad, counter-clockwise; see `DepthMesh.flips`."""
    a = row * columns + column
    b, c, d = a + 1, a + columns, a + columns + 1
    if half == 0:
        return b, a, c if flip else d
    return c, d, b if flip else a


@jit()
def grid_place(
    row: int, column: int, half: int, flip: bool, shares: tuple[float, float, float]
) -> tuple[int, int]:
    """Row and column of the image's pixel at barycentric coordinates of a quad's triangle.

    A vertex lies in a pixel's middle; the grid begins a row and a column outside of the image.
    """
    y, x = float(row), float(column)
    if half == 0:
        y += shares[2]
        x += shares[0] if flip else shares[0] + shares[2]
    else:
        y += shares[0] + shares[1]
        x += shares[1] + shares[2] if flip else shares[1]
    return int(math.floor(y - 0.5)), int(math.floor(x - 0.5))


@jit()
def edge_functions(local: Floats, corners: Corners) -> tuple[Edges, float]:
    """Rows e of a matrix: e . (x, y, 1) of a ray is a barycentric coordinate over the depth.

    Also the determinant, negative for a front face; 0 where the triangle is seen edge-on.
    `local` are vertices [V, 3] in camera axes: right, down, depth; float32's products would open
    cracks (to numba, float() of one is one). Olano and Greer, "Triangle scan
    conversion using 2D homogeneous coordinates", 1997: vertices behind the camera need no clipping.
    """
    i, j, k = corners
    x0, y0, z0 = np.float64(local[i, 0]), np.float64(local[i, 1]), np.float64(local[i, 2])
    x1, y1, z1 = np.float64(local[j, 0]), np.float64(local[j, 1]), np.float64(local[j, 2])
    x2, y2, z2 = np.float64(local[k, 0]), np.float64(local[k, 1]), np.float64(local[k, 2])
    a, b, c = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
    determinant = a * x0 + b * y0 + c * z0
    s = 1.0 / determinant if determinant != 0 else 0.0
    edges = (
        *(s * a, s * b, s * c),
        *(s * (y2 * z0 - z2 * y0), s * (z2 * x0 - x2 * z0), s * (x2 * y0 - y2 * x0)),
        *(s * (y0 * z1 - z0 * y1), s * (z0 * x1 - x0 * z1), s * (x0 * y1 - y0 * x1)),
    )
    return edges, determinant


@jit()
def clipped_bounds(
    local: Floats, corners: Corners, near: float, focal: float
) -> tuple[float, float, float, float]:
    """Pixels x0, x1, y0, y1, from the image's middle, around what lies beyond the near plane.

    focal: in pixels.
    """
    x0 = y0 = np.inf
    x1 = y1 = -np.inf
    i, j, k = corners
    for a, b in ((i, j), (j, k), (k, i)):
        x, y, z = np.float64(local[a, 0]), np.float64(local[a, 1]), np.float64(local[a, 2])
        other = np.float64(local[b, 2])
        if z >= near:
            column, row = focal * x / z, focal * y / z
            x0, x1, y0, y1 = min(x0, column), max(x1, column), min(y0, row), max(y1, row)
        if (z < near) != (other < near):
            t = (near - z) / (other - z)
            column = focal * (x + t * (np.float64(local[b, 0]) - x)) / near
            row = focal * (y + t * (np.float64(local[b, 1]) - y)) / near
            x0, x1, y0, y1 = min(x0, column), max(x1, column), min(y0, row), max(y1, row)
    return x0, x1, y0, y1


@jit()
def covered_interval(edges: Edges, y: float, first: float, last: float) -> tuple[float, float]:
    """The part of first..last (x of rays of a row y) where no edge function is negative;
    empty if the first number exceeds the second.
    """
    for n in (0, 3, 6):
        slope, offset = edges[n], edges[n + 1] * y + edges[n + 2] + EDGE_TOLERANCE
        if slope > 0:
            first = max(first, -offset / slope)
        elif slope < 0:
            last = min(last, -offset / slope)
        elif offset < 0:
            return 1.0, 0.0
    return first, last


@jit()
def barycentric(e: Edges, ray: tuple[float, float]) -> tuple[float, tuple[float, float, float]]:
    """Inverse depth and barycentric coordinates where a ray (x, y, 1) meets a triangle, from its
    edge functions.
    """
    x, y = ray
    a, b, c = e[0] * x + e[1] * y + e[2], e[3] * x + e[4] * y + e[5], e[6] * x + e[7] * y + e[8]
    inverse = a + b + c
    depth = 1 / inverse
    return inverse, (a * depth, b * depth, c * depth)
