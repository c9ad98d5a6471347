"""Colours of points on a surface, from the pictures that show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from .views import Views

_TOLERANCE = 0.03  # of the bounding radius, between a point and the pixel's depth
_LEAST_WEIGHT = 1e-3


def colors_at(
    points: NDArray[np.float32], normals: NDArray[np.float32], views: Views
) -> NDArray[np.uint8]:
    """sRGB colours [N, 3] of `points` in the unit sphere; squarer views count for more.

    A point that no camera sees takes the colour of the nearest one that some camera does.
    """
    sums = np.zeros((len(points), 3), np.float32)
    weights = np.zeros(len(points), np.float32)
    for i in range(len(views)):
        sight = views.sight(i, points, _TOLERANCE)
        towards = views.cameras.positions[i] - points
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        weight = np.maximum(np.einsum("ij,ij->i", normals, towards), 0) ** 2 * sight.seen
        color = views.rendering.colors[i].reshape(-1, 3)[sight.pixels]
        alpha = views.rendering.alphas[i].reshape(-1)[sight.pixels]
        sums += weight[:, None] * color / np.maximum(alpha, 1e-3)[:, None]
        weights += weight
    seen = weights > _LEAST_WEIGHT
    colors = sums / np.maximum(weights, _LEAST_WEIGHT)[:, None]
    if seen.any() and not seen.all():
        colors[~seen] = colors[seen][KDTree(points[seen]).query(points[~seen])[1]]
    return np.round(255 * np.clip(colors, 0, 1)).astype(np.uint8)
