"""Colours of points on a surface, from the pictures that show them."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Number, jit
from ...gaussians.rendering import NEAR_PLANE
from ..views.rendered_views import RenderedViews

TOLERANCE = np.float32(0.03)  # of the bounding radius, between a point and its pixel's depth
SOLID = np.float32(0.5)  # a pixel of this alpha shows the surface
# Cosines: looks as square as the first are taken; where there is none, as the second.
SQUARE, GRAZING = np.float32(0.4), np.float32(0.05)
LEAST = np.float32(1e-3)  # weight of all looks together that tells something
_CHUNK = 512  # points that one thread takes at once
_NEAR = np.float32(NEAR_PLANE)
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)

Cameras = tuple[Floats, Floats]  # projections [C, 3, 4] from space to pixels, positions [C, 3]
ViewImages = tuple[
    Floats, Floats, Floats
]  # colors [C, H, W, 3] over black, alphas, depths [C, H, W]


def view_colors(
    points: Floats, normals: Floats, asked: NDArray[np.intp], views: RenderedViews
) -> tuple[Floats, Floats]:
    """sRGB colours [N, 3] of points in the unit sphere, and how well they are seen, [N] from 0 up.

    Squarer looks count for more, and so do those whose depth fits better.

    Args:
        asked: [A] which of the points are wanted; all others are as if they were not seen.
    """
    colors = np.zeros((len(points), 3), np.float32)
    weights = np.zeros(len(points), np.float32)
    cameras, drawn = views.cameras, views.rendering
    projections = np.ascontiguousarray(cameras.Ks @ cameras.viewmats[:, :3])
    pictures = (drawn.colors, drawn.alphas, drawn.depths)
    _look((points, normals), asked, (projections, cameras.positions), pictures, (colors, weights))
    return colors, weights


@jit(parallel=True)
def _look(
    places: tuple[Floats, Floats],
    asked: NDArray[np.intp],
    cameras: Cameras,
    pictures: ViewImages,
    out: tuple[Floats, Floats],
) -> None:
    points, normals = places
    for chunk in numba.prange((len(asked) + _CHUNK - 1) // _CHUNK):
        seen, total = np.empty(4, np.float32), np.empty(4, np.float32)
        for i in asked[chunk * _CHUNK : (chunk + 1) * _CHUNK]:
            for least in (SQUARE, GRAZING):
                total[:] = 0
                _sum_up(points[i], normals[i], cameras, pictures, (least, seen, total))
                if total[3] > LEAST:
                    out[1][i] = total[3]
                    for channel in range(3):
                        out[0][i, channel] = total[channel] / total[3]
                    break


@jit()
def _sum_up(
    point: Floats,
    normal: Floats,
    cameras: Cameras,
    pictures: ViewImages,
    sums: tuple[np.float32, Floats, Floats],
) -> None:
    """Add up what every camera that looks squarely enough sees of a point, and the weights."""
    least, seen, total = sums
    projections, positions = cameras
    for camera in range(len(positions)):
        facing = _facing(point, normal, positions[camera])
        if facing > least and _sample(point, projections[camera], pictures, camera, seen):
            weight = facing * facing * seen[3]
            total[3] += weight
            for channel in range(3):
                total[channel] += weight * seen[channel]


@jit()
def _facing(point: Floats, normal: Floats, eye: Floats) -> Number:
    x, y, z = eye[0] - point[0], eye[1] - point[1], eye[2] - point[2]
    along = normal[0] * x + normal[1] * y + normal[2] * z
    return along / np.sqrt(x * x + y * y + z * z)


@jit()
def _project(point: Floats, matrix: Floats) -> tuple[Number, Number, Number]:
    x, y, z = point[0], point[1], point[2]
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3],
        matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3],
    )


@jit()
def _sample(
    point: Floats, projection: Floats, pictures: ViewImages, camera: int, seen: Floats
) -> bool:
    """Fill `seen` with colour and trust of a point in one picture; False if it is hidden there."""
    colors, alphas, depths = pictures
    u, v, z = _project(point, projection)
    if z < _NEAR:
        return False
    across, down = u / z - _HALF, v / z - _HALF
    column, row = int(np.floor(across)), int(np.floor(down))
    if column < 0 or row < 0 or column + 1 >= alphas.shape[2] or row + 1 >= alphas.shape[1]:
        return False
    # The four pixels around, those that do not show this surface left out.
    right, below = across - np.float32(column), down - np.float32(row)
    red, green, blue, light, trust = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    for y in range(2):
        for x in range(2):
            share = (right if x else _ONE - right) * (below if y else _ONE - below)
            alpha = alphas[camera, row + y, column + x]
            gap = abs(depths[camera, row + y, column + x] - z) / TOLERANCE
            if alpha >= SOLID and gap < _ONE:
                share *= _ONE - gap
                trust += share
                light += share * alpha
                red += share * colors[camera, row + y, column + x, 0]
                green += share * colors[camera, row + y, column + x, 1]
                blue += share * colors[camera, row + y, column + x, 2]
    if trust <= _ZERO:
        return False
    seen[0], seen[1], seen[2], seen[3] = red / light, green / light, blue / light, trust
    return True
