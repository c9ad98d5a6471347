"""Quadric error metric (Garland and Heckbert 1997), with planes that preserve boundaries."""

from __future__ import annotations

import numba
import numpy as np

from ...gaussians.numba_jit import jit
from ..array_types import Doubles, Indices
from .half_edges import Stars, end_vertex, has_edge, opposite_vertex, star_of

_BOUNDARY_WEIGHT = 10.0  # of the planes through boundary edges, relative to faces
_REGULARIZATION = 1e-4  # weight of edge length and of the distance from the edge's midpoint


@jit(parallel=True)
def vertex_quadrics(vertices: Doubles, faces: Indices, stars: Stars) -> Doubles:
    """[V, 10]: area-weighted sums of squared distances to the planes of each vertex's faces.

    The upper triangle of a symmetric 4 x 4 matrix: xx, xy, xz, x, yy, yz, y, zz, z, 1. Boundary
    edges add planes perpendicular to their faces.
    """
    quadrics = np.zeros((len(vertices), 10), np.float64)
    for vertex in numba.prange(len(vertices)):
        star = star_of(stars, vertex)
        for edge in star:
            other, third = end_vertex(faces, edge), opposite_vertex(faces, edge)
            a, b, c = vertices[vertex], vertices[other], vertices[third]
            x, y, z = scaled_normal(a, b, c)
            twice_area = np.sqrt(x * x + y * y + z * z)
            if twice_area == 0:
                continue
            x, y, z = x / twice_area, y / twice_area, z / twice_area
            _add_plane(quadrics[vertex], (x, y, z), a, twice_area / 2)
            if not has_edge(faces, star_of(stars, other), vertex):
                _add_boundary_plane(quadrics[vertex], (x, y, z), a, b)
            if not has_edge(faces, star, third):
                _add_boundary_plane(quadrics[vertex], (x, y, z), c, a)
    return quadrics


@jit()
def scaled_normal(a: Doubles, b: Doubles, c: Doubles) -> tuple[float, float, float]:
    """A triangle's normal times twice its area."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


@jit()
def _add_plane(
    quadric: Doubles, normal: tuple[float, float, float], point: Doubles, weight: float
) -> None:
    x, y, z = normal
    d = -(x * point[0] + y * point[1] + z * point[2])
    quadric[0] += weight * x * x
    quadric[1] += weight * x * y
    quadric[2] += weight * x * z
    quadric[3] += weight * x * d
    quadric[4] += weight * y * y
    quadric[5] += weight * y * z
    quadric[6] += weight * y * d
    quadric[7] += weight * z * z
    quadric[8] += weight * z * d
    quadric[9] += weight * d * d


@jit()
def _add_boundary_plane(
    quadric: Doubles, normal: tuple[float, float, float], start: Doubles, end: Doubles
) -> None:
    """Add the plane through an edge, perpendicular to its face of unit `normal`."""
    ex, ey, ez = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    x, y, z = normal
    px, py, pz = ey * z - ez * y, ez * x - ex * z, ex * y - ey * x
    length = np.sqrt(px * px + py * py + pz * pz)
    if length > 0:
        weight = _BOUNDARY_WEIGHT * length * length
        _add_plane(quadric, (px / length, py / length, pz / length), start, weight)


@jit()
def _quadric_error(q: Doubles, r: Doubles, x: float, y: float, z: float) -> float:
    """The sum of two quadrics at a point; not negative."""
    value = (
        (q[0] + r[0]) * x * x
        + (q[4] + r[4]) * y * y
        + (q[7] + r[7]) * z * z
        + 2 * ((q[1] + r[1]) * x * y + (q[2] + r[2]) * x * z + (q[5] + r[5]) * y * z)
        + 2 * ((q[3] + r[3]) * x + (q[6] + r[6]) * y + (q[8] + r[8]) * z)
        + q[9]
        + r[9]
    )
    return max(value, 0.0)


@jit()
def collapse_position(
    a: Doubles, b: Doubles, q: Doubles, r: Doubles, a_boundary: bool, b_boundary: bool
) -> tuple[float, float, float, float]:
    """Where vertices `a` and `b` with quadrics `q` and `r` are best merged: x, y, z and cost.

    Boundary vertices stay on the boundary.
    """
    x, y, z = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2
    weight = q[0] + q[4] + q[7] + r[0] + r[4] + r[7]
    length = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
    extra = _REGULARIZATION * weight * length
    if a_boundary and b_boundary:
        least = _quadric_error(q, r, x, y, z)
        for end in (a, b):
            error = _quadric_error(q, r, end[0], end[1], end[2])
            if error < least:
                least, x, y, z = error, end[0], end[1], end[2]
        return x, y, z, least + extra
    if a_boundary or b_boundary:
        end = a if a_boundary else b
        return end[0], end[1], end[2], _quadric_error(q, r, end[0], end[1], end[2]) + extra
    # Minimise the error plus a weak pull to the midpoint, without which planar regions are
    # singular, by Cramer's rule.
    pull = _REGULARIZATION * weight
    m00, m11, m22 = q[0] + r[0] + pull, q[4] + r[4] + pull, q[7] + r[7] + pull
    m01, m02, m12 = q[1] + r[1], q[2] + r[2], q[5] + r[5]
    v0 = pull * x - q[3] - r[3]
    v1 = pull * y - q[6] - r[6]
    v2 = pull * z - q[8] - r[8]
    c00, c01, c02 = m11 * m22 - m12 * m12, m02 * m12 - m01 * m22, m01 * m12 - m02 * m11
    determinant = m00 * c00 + m01 * c01 + m02 * c02
    if determinant > 0:
        c11, c12, c22 = m00 * m22 - m02 * m02, m01 * m02 - m00 * m12, m00 * m11 - m01 * m01
        x = (c00 * v0 + c01 * v1 + c02 * v2) / determinant
        y = (c01 * v0 + c11 * v1 + c12 * v2) / determinant
        z = (c02 * v0 + c12 * v1 + c22 * v2) / determinant
    return x, y, z, _quadric_error(q, r, x, y, z) + extra
