"""Which points lie on the surface that the views show, and the surface's normal there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...contract.cloud import GaussianCloud
from ...gaussians.numba_jit import Floats, Number, jit
from ...gaussians.rendering import NEAR_PLANE
from ..array_types import Mask
from .rendered_views import SURFACE_ALPHA, RenderedViews, surface_normal

_TOLERANCE = np.float32(0.03)  # of the bounding radius, between a point and the surface it lies on
_DEPTH_TOLERANCE = np.float32(4)  # times that along the depth, where the surface is slanted
_HALF_TOLERANCE = np.float32(0.5) * _TOLERANCE
_MIN_DISTANCE = np.float32(0.003)  # distances below it rank views alike
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


class ViewArrays(NamedTuple):
    """Views as compiled loops take them."""

    viewmats: Floats  # [C, 4, 4]
    Ks: Floats  # [C, 3, 3]
    positions: Floats  # [C, 3] of the cameras
    depths: Floats  # [C, H, W]
    alphas: Floats  # [C, H, W]


class _Hit(NamedTuple):
    """A point against the surface in one pixel: signed distance, and unit normal or zero."""

    visible: bool
    distance: Number
    nx: Number
    ny: Number
    nz: Number


@dataclass(frozen=True)
class Visibility:
    """N points against all views.

    Attributes:
        visible: [N] whether at least one view shows the point.
        normals: [N, 3] unit normal of the surface; zero where no view has one.
        view_directions: [N, 3] sum of the unit vectors to the cameras that show the point.
    """

    visible: Mask
    normals: Floats
    view_directions: Floats


def view_arrays(views: RenderedViews) -> ViewArrays:
    rendering, cameras = views.rendering, views.cameras
    positions = cameras.positions.astype(np.float32)
    return ViewArrays(cameras.viewmats, cameras.Ks, positions, rendering.depths, rendering.alphas)


def point_visibility(points: Floats, margins: Floats, views: ViewArrays) -> Visibility:
    """Visibility of `points` [N, 3] in the unit sphere and the surface's normals there.

    Near both sides of a thin wall, the normal is that of the nearer side.

    Args:
        margins: [N] how far below the surface a point still counts as on it.
    """
    visible = np.zeros(len(points), np.bool_)
    normals, directions = np.zeros_like(points), np.zeros_like(points)
    _fill_visibility(points, margins, views, visible, normals, directions)
    return Visibility(visible, normals, directions)


def are_visible(points: Floats, views: ViewArrays) -> Mask:
    """[N] whether at least one view shows each point [N, 3]."""
    return _are_visible(points, np.zeros(len(points), np.float32), views)


def occluding_views(points: Floats, views: ViewArrays) -> NDArray[np.int32]:
    """[N] how many views show a surface in front of each point [N, 3]."""
    counts = np.zeros(len(points), np.int32)
    _count_occluding(points, views, counts)
    return counts


def visible_gaussians(cloud: GaussianCloud, views: ViewArrays) -> Mask:
    """[N] whether at least one view shows the Gaussian's half-opaque ellipsoid."""
    return _are_visible(cloud.means, center_depths(cloud), views)


def center_depths(cloud: GaussianCloud) -> Floats:
    """[N] depth of the centres below the half-opaque ellipsoids, along the shortest axis."""
    return half_opacity_radii(cloud.opacities) * cloud.scales.min(axis=1)


def half_opacity_radii(opacities: Floats) -> Floats:
    """[N] radius of the half-opaque ellipsoid in standard deviations; 0 if there is none."""
    return np.sqrt(2 * np.log(np.maximum(1, 2 * opacities)))


@jit(parallel=True)
def _are_visible(points: Floats, margins: Floats, views: ViewArrays) -> NDArray[np.bool_]:
    visible = np.zeros(len(points), np.bool_)
    for i in numba.prange(len(points)):
        for camera in range(len(views.viewmats)):
            if _hit_test(points[i], margins[i], views, camera).visible:
                visible[i] = True
                break
    return visible


@jit(parallel=True)
def _count_occluding(points: Floats, views: ViewArrays, counts: NDArray[np.int32]) -> None:
    height, width = views.depths.shape[1:]
    for i in numba.prange(len(points)):
        px, py, pz = points[i]
        for camera in range(len(views.viewmats)):
            view, k = views.viewmats[camera], views.Ks[camera]
            z = view[2, 0] * px + view[2, 1] * py + view[2, 2] * pz + view[2, 3]
            if not z > NEAR_PLANE:
                continue
            x = view[0, 0] * px + view[0, 1] * py + view[0, 2] * pz + view[0, 3]
            y = view[1, 0] * px + view[1, 1] * py + view[1, 2] * pz + view[1, 3]
            u, v = np.floor(k[0, 0] * x / z + k[0, 2]), np.floor(k[1, 1] * y / z + k[1, 2])
            if 0 <= u < width and 0 <= v < height:
                row, column = int(v), int(u)
                opaque = views.alphas[camera, row, column] >= SURFACE_ALPHA
                counts[i] += opaque and views.depths[camera, row, column] < z


@jit(parallel=True)
def _fill_visibility(
    points: Floats,
    margins: Floats,
    views: ViewArrays,
    visible: Mask,
    normals: Floats,
    directions: Floats,
) -> None:
    for i in numba.prange(len(points)):
        best, best_rank = -1, _ZERO
        for camera in range(len(views.viewmats)):
            hit = _hit_test(points[i], margins[i], views, camera)
            if not hit.visible:
                continue
            visible[i] = True
            facing = _add_direction(points[i], views.positions[camera], hit, directions[i])
            if facing / (abs(hit.distance) + _MIN_DISTANCE) > best_rank:
                best, best_rank = camera, facing / (abs(hit.distance) + _MIN_DISTANCE)
        if best >= 0:
            _average_normal(points[i], margins[i], views, best, normals[i])


@jit()
def _hit_test(point: Floats, margin: np.float32, views: ViewArrays, camera: int) -> _Hit:
    """The point against the tangent plane of the surface in its pixel."""
    view, k = views.viewmats[camera], views.Ks[camera]
    depths, alphas = views.depths, views.alphas
    px, py, pz = point[0], point[1], point[2]
    x = view[0, 0] * px + view[0, 1] * py + view[0, 2] * pz + view[0, 3]
    y = view[1, 0] * px + view[1, 1] * py + view[1, 2] * pz + view[1, 3]
    z = view[2, 0] * px + view[2, 1] * py + view[2, 2] * pz + view[2, 3]
    if not z > NEAR_PLANE:
        return _Hit(False, _ZERO, _ZERO, _ZERO, _ZERO)
    u, v = np.floor(k[0, 0] * x / z + k[0, 2]), np.floor(k[1, 1] * y / z + k[1, 2])
    if not (0 <= u < depths.shape[2] and 0 <= v < depths.shape[1]):
        return _Hit(False, _ZERO, _ZERO, _ZERO, _ZERO)
    row, column = int(v), int(u)
    depth = depths[camera, row, column]
    limit = _DEPTH_TOLERANCE * (_TOLERANCE + margin)
    if alphas[camera, row, column] < SURFACE_ALPHA or abs(depth - z) > limit:
        return _Hit(False, _ZERO, _ZERO, _ZERO, _ZERO)
    nx, ny, nz = surface_normal(depths[camera], alphas[camera], k, row, column)
    if nz == 0:
        visible = -_TOLERANCE - margin <= depth - z <= _TOLERANCE
        return _Hit(visible, depth - z, _ZERO, _ZERO, _ZERO)
    # From the point to the surface at the pixel's centre, in camera axes.
    x = (np.float32(u) + _HALF - k[0, 2]) / k[0, 0] * depth - x
    y = (np.float32(v) + _HALF - k[1, 2]) / k[1, 1] * depth - y
    distance = nx * x + ny * y + nz * (depth - z)
    return _Hit(
        -_TOLERANCE <= distance <= _TOLERANCE + margin,
        distance,
        nx * view[0, 0] + ny * view[1, 0] + nz * view[2, 0],
        nx * view[0, 1] + ny * view[1, 1] + nz * view[2, 1],
        nx * view[0, 2] + ny * view[1, 2] + nz * view[2, 2],
    )


@jit()
def _add_direction(point: Floats, camera: Floats, hit: _Hit, directions: Floats) -> Number:
    """Cosine, 0..1, between normal and direction to the camera, which is added to `directions`."""
    x, y, z = camera[0] - point[0], camera[1] - point[1], camera[2] - point[2]
    length = np.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    directions[0] += x
    directions[1] += y
    directions[2] += z
    return max(hit.nx * x + hit.ny * y + hit.nz * z, _ZERO)


@jit()
def _average_normal(
    point: Floats, margin: np.float32, views: ViewArrays, best: int, normal: Floats
) -> None:
    """Weighted mean of the normals that face the same side as view `best` shows."""
    side = _hit_test(point, margin, views, best)
    unused = np.zeros(3, np.float32)
    for camera in range(len(views.viewmats)):
        hit = _hit_test(point, margin, views, camera)
        if hit.visible and hit.nx * side.nx + hit.ny * side.ny + hit.nz * side.nz > 0:
            facing = _add_direction(point, views.positions[camera], hit, unused)
            off = hit.distance / (_HALF_TOLERANCE + margin)
            weight = facing * facing * np.exp(-off * off)
            normal[0] += weight * hit.nx
            normal[1] += weight * hit.ny
            normal[2] += weight * hit.nz
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    if length > 0:
        normal /= length
