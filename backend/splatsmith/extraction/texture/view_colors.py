"""Colours of points on a surface, sampled from the views that show them."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Number, jit
from ...gaussians.rendering import NEAR_PLANE
from ..array_types import Vector
from ..views.rendered_views import SURFACE_ALPHA, RenderedViews

TOLERANCE = np.float32(0.03)  # of the bounding radius, between a point and its pixel's depth
# Cosines between normal and view: views above the first are used; if there is none, the second.
FACING, GRAZING = np.float32(0.4), np.float32(0.05)
LEAST_WEIGHT = np.float32(1e-3)  # of all views together, below which a point is not visible
_CHUNK = 512  # points per thread
_NEAR = np.float32(NEAR_PLANE)
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)


class ViewImages(NamedTuple):
    """C views as compiled loops take them."""

    projections: Floats  # [C, 3, 4] from space to pixels
    positions: Floats  # [C, 3] of the cameras
    colors: Floats  # [C, H, W, 3] premultiplied
    alphas: Floats  # [C, H, W]
    depths: Floats  # [C, H, W]


def view_colors(
    points: Floats, normals: Floats, indices: NDArray[np.intp], views: RenderedViews
) -> tuple[Floats, Floats]:
    """sRGB colours [N, 3] of points in the unit sphere, and their weights [N], 0 if not visible.

    Views are weighted by their squared cosine to the normal and by agreement in depth.

    Args:
        indices: [A] of the points to be sampled; the others have weight 0.
    """
    colors = np.zeros((len(points), 3), np.float32)
    weights = np.zeros(len(points), np.float32)
    cameras, rendering = views.cameras, views.rendering
    images = ViewImages(
        np.ascontiguousarray(cameras.Ks @ cameras.viewmats[:, :3]),
        cameras.positions,
        rendering.colors,
        rendering.alphas,
        rendering.depths,
    )
    _sample_views(points, normals, indices, images, colors, weights)
    return colors, weights


@jit(parallel=True)
def _sample_views(
    points: Floats,
    normals: Floats,
    indices: NDArray[np.intp],
    views: ViewImages,
    colors: Floats,
    weights: Floats,
) -> None:
    for chunk in numba.prange((len(indices) + _CHUNK - 1) // _CHUNK):
        sample, total = np.empty(4, np.float32), np.empty(4, np.float32)
        for i in indices[chunk * _CHUNK : (chunk + 1) * _CHUNK]:
            for least_cosine in (FACING, GRAZING):
                total[:] = 0
                for camera in range(len(views.positions)):
                    cosine = _cosine(points[i], normals[i], views.positions[camera])
                    if cosine > least_cosine and _sample_view(points[i], views, camera, sample):
                        _accumulate(sample, cosine, total)
                if total[3] > LEAST_WEIGHT:
                    weights[i] = total[3]
                    for channel in range(3):
                        colors[i, channel] = total[channel] / total[3]
                    break


@jit()
def _accumulate(sample: Floats, cosine: Number, total: Floats) -> None:
    """Add a sample, colour and weight [4], to the total, weighted by the squared cosine."""
    weight = cosine * cosine * sample[3]
    total[3] += weight
    for channel in range(3):
        total[channel] += weight * sample[channel]


@jit()
def _cosine(point: Floats, normal: Floats, camera: Floats) -> Number:
    """Between the normal and the direction to the camera."""
    x, y, z = camera[0] - point[0], camera[1] - point[1], camera[2] - point[2]
    along = normal[0] * x + normal[1] * y + normal[2] * z
    return along / np.sqrt(x * x + y * y + z * z)


@jit()
def _project(point: Floats, matrix: Floats) -> Vector:
    x, y, z = point[0], point[1], point[2]
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3],
        matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3],
    )


@jit()
def _sample_view(point: Floats, views: ViewImages, camera: int, sample: Floats) -> bool:
    """Fill colour and weight [4] of a point in one view; False if it is not visible there.

    Bilinear, without the pixels that do not show this surface.
    """
    colors, alphas, depths = views.colors, views.alphas, views.depths
    u, v, z = _project(point, views.projections[camera])
    if z < _NEAR:
        return False
    x, y = u / z - _HALF, v / z - _HALF
    column, row = int(np.floor(x)), int(np.floor(y))
    if column < 0 or row < 0 or column + 1 >= alphas.shape[2] or row + 1 >= alphas.shape[1]:
        return False
    right, below = x - np.float32(column), y - np.float32(row)
    red, green, blue, opacity, weight = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    for j in range(2):
        for i in range(2):
            share = (right if i else _ONE - right) * (below if j else _ONE - below)
            alpha = alphas[camera, row + j, column + i]
            gap = abs(depths[camera, row + j, column + i] - z) / TOLERANCE
            if alpha >= SURFACE_ALPHA and gap < _ONE:
                share *= _ONE - gap
                weight += share
                opacity += share * alpha
                red += share * colors[camera, row + j, column + i, 0]
                green += share * colors[camera, row + j, column + i, 1]
                blue += share * colors[camera, row + j, column + i, 2]
    if weight <= _ZERO:
        return False
    sample[0], sample[1], sample[2], sample[3] = (
        red / opacity,
        green / opacity,
        blue / opacity,
        weight,
    )
    return True
