"""Depth pictures fused into a truncated signed distance volume (Curless and Levoy 1996)."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from ..gaussians.compiling import Floats, Number, compiled
from ..progress import Progress
from .views import Views

_TRUNCATION = 3.0  # voxels around the surface in which distances are kept
_CHINK = 0.05  # weight, for each camera that a voxel is hidden from, below which it is inside
_EMPTY, _SOLID = np.float32(0.25), np.float32(0.5)  # alphas of background and of surface
_NOTHING, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@dataclass(frozen=True)
class DistanceVolume:
    """distances: [n, n, n] indexed x, y, z over the cube [-1, 1]^3; -1..1, negative inside.

    In units of the truncation, so that only the zero crossing has a meaning. What no camera looked
    into is inside: objects come out solid.
    """

    distances: NDArray[np.float32]

    @property
    def voxel(self) -> float:
        return 2 / (len(self.distances) - 1)


def fuse(views: Views, resolution: int, progress: Progress) -> DistanceVolume:
    """Fuse the depths of all `views` into `resolution`^3 voxels.

    Raises:
        Cancelled: between two pictures.
    """
    shape = (resolution, resolution, resolution)
    sums, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    hidden = np.zeros(shape, np.uint8)
    truncation = np.float32(_TRUNCATION * 2 / (resolution - 1))
    for i, surface in enumerate(views.normals()):
        progress.step(i, len(views))
        facing = _facing(surface, views, i)
        camera = (views.cameras.viewmats[i], views.cameras.Ks[i])
        picture = (views.rendering.depths[i], views.rendering.alphas[i], facing)
        _integrate((sums, weights, hidden), camera, picture, truncation)
    progress.step(len(views), len(views))
    # A look through a chink between two Gaussians must not bore a hole.
    looked_into = weights > _CHINK * hidden
    distances = np.where(looked_into, sums / np.maximum(weights, 1e-6), -1)
    return DistanceVolume(_closed(distances.astype(np.float32)))


def _closed(distances: Floats) -> Floats:
    """Outside at the cube's faces, so that no surface is cut open there."""
    inner = (slice(1, -1),) * 3
    outside = np.ones_like(distances)
    outside[inner] = distances[inner]
    return outside


def _facing(normals: NDArray[np.float32], views: Views, index: int) -> NDArray[np.float32]:
    """[H, W] how squarely the surface is seen, 0..1; 0 where its depth cannot be trusted."""
    camera = views.cameras.viewmats[index, 2, :3]
    size = (views.cameras.height, views.cameras.width)
    return np.abs(normals @ camera).reshape(size)


@compiled(parallel=True)
def _integrate(
    volume: tuple[Floats, Floats, NDArray[np.uint8]],
    camera: tuple[Floats, Floats],
    picture: tuple[Floats, Floats, Floats],
    truncation: np.float32,
) -> None:
    view, k = camera
    depths, alphas, facing = picture
    sums, weights, hidden = volume
    n = len(sums)
    step = np.float32(2) / np.float32(n - 1)
    for ix in numba.prange(n):
        x = ix * step - _ONE
        for iy in range(n):
            y = iy * step - _ONE
            for iz in range(n):
                z = iz * step - _ONE
                depth = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3]
                u = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]
                v = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]
                column = int(k[0, 0] * u / depth + k[0, 2])
                row = int(k[1, 1] * v / depth + k[1, 2])
                if 0 <= column < depths.shape[1] and 0 <= row < depths.shape[0]:
                    gap = (depths[row, column] - depth) / truncation
                    value, weight = _observe(gap, alphas[row, column], facing[row, column])
                    sums[ix, iy, iz] += weight * value
                    weights[ix, iy, iz] += weight
                    hidden[ix, iy, iz] += np.uint8(weight == 0)


@compiled()
def _observe(distance: Number, alpha: Number, facing: Number) -> tuple[Number, Number]:
    """The distance that a pixel tells a voxel, in truncations, and its weight."""
    if alpha <= _EMPTY:
        return _ONE, _ONE
    if alpha < _SOLID or distance < -_ONE:
        return _NOTHING, _NOTHING
    if distance > _ONE:
        return _ONE, _HALF
    return distance, facing * facing * alpha
