"""Which points lie on the surface that pictures show, and what its normal is there."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from ...contract.cloud import GaussianCloud
from ...gaussians.numba_jit import Floats, Number, jit
from ...gaussians.rendering import NEAR_PLANE
from .rendered_views import RenderedViews, surface_normal

# viewmats [C, 4, 4], Ks [C, 3, 3], positions [C, 3], depths and alphas [C, H, W].
ViewArrays = tuple[Floats, Floats, Floats, Floats, Floats]
# Of a point and a picture: whether it shows the point, the surface's distance from it, the normal.
Look = tuple[bool, Number, Number, Number, Number]

_SOLID = np.float32(0.5)  # alpha of a pixel that shows the surface
_NEAR = np.float32(0.03)  # of the bounding radius, from the pixel's surface: still on it
_STEEPEST = np.float32(4)  # times so much along the depth, where the surface is seen aslant
_HALF_NEAR = np.float32(0.5) * _NEAR
_SHARP = np.float32(0.003)  # distance below which a closer look is no better
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@dataclass(frozen=True)
class Visibility:
    """What all pictures together tell of N points.

    Attributes:
        seen: [N] whether any shows the point.
        normals: [N, 3] the surface's unit normal; zero where no picture tells it.
        towards: [N, 3] sum of the directions to the cameras that see the point.
    """

    seen: NDArray[np.bool_]
    normals: Floats
    towards: Floats


def view_arrays(views: RenderedViews) -> ViewArrays:
    """All of `views`, as compiled loops take them."""
    drawn, cameras = views.rendering, views.cameras
    places = cameras.positions.astype(np.float32)
    return cameras.viewmats, cameras.Ks, places, drawn.depths, drawn.alphas


def point_visibility(points: Floats, depths: Floats, pictures: ViewArrays) -> Visibility:
    """What `pictures` tell of `points` [N, 3] of the unit sphere, up to `depths` [N] below it.

    Where both sides of a thin wall are near a point, the normal is that of the nearer side.
    """
    seen = np.zeros(len(points), np.bool_)
    normals, towards = np.zeros_like(points), np.zeros_like(points)
    _look_at((points, depths), pictures, seen, normals, towards)
    return Visibility(seen, normals, towards)


def are_visible(points: Floats, pictures: ViewArrays) -> NDArray[np.bool_]:
    """[N] whether any picture shows the point."""
    return _are_seen((points, np.zeros(len(points), np.float32)), pictures)


def visible_gaussians(cloud: GaussianCloud, pictures: ViewArrays) -> NDArray[np.bool_]:
    """[N] whether any picture shows the Gaussian: not its centre, but what is opaque around it."""
    return _are_seen((cloud.means, gaussian_center_depths(cloud)), pictures)


def gaussian_center_depths(cloud: GaussianCloud) -> Floats:
    """[N] how far below the half-opaque ellipsoid a Gaussian's centre lies, squarely seen."""
    return half_opacity_radii(cloud.opacities) * cloud.scales.min(axis=1)


def half_opacity_radii(opacities: Floats) -> Floats:
    """Radii of the half-opaque ellipsoids, in standard deviations; 0 where there is none."""
    return np.sqrt(2 * np.log(np.maximum(1, 2 * opacities)))


@jit(parallel=True)
def _are_seen(points: tuple[Floats, Floats], pictures: ViewArrays) -> NDArray[np.bool_]:
    places, below = points
    seen = np.zeros(len(places), np.bool_)
    for i in numba.prange(len(places)):
        for c in range(len(pictures[0])):
            if _look(places[i], below[i], pictures, c)[0]:
                seen[i] = True
                break
    return seen


@jit(parallel=True)
def _look_at(
    points: tuple[Floats, Floats],
    pictures: ViewArrays,
    seen: NDArray[np.bool_],
    normals: Floats,
    towards: Floats,
) -> None:
    places, below = points
    for i in numba.prange(len(places)):
        nearest, sharpest = -1, _ZERO
        for c in range(len(pictures[0])):
            shows, distance, x, y, z = _look(places[i], below[i], pictures, c)
            if not shows:
                continue
            seen[i] = True
            facing = _face(places[i], pictures[2][c], (x, y, z), towards[i])
            if facing / (abs(distance) + _SHARP) > sharpest:
                nearest, sharpest = c, facing / (abs(distance) + _SHARP)
        if nearest >= 0:
            _average((places[i], below[i]), pictures, nearest, normals[i])


@jit()
def _look(point: Floats, below: np.float32, pictures: ViewArrays, c: int) -> Look:
    viewmats, ks, _, depths, alphas = pictures
    view, k = viewmats[c], ks[c]
    px, py, pz = point[0], point[1], point[2]
    x = view[0, 0] * px + view[0, 1] * py + view[0, 2] * pz + view[0, 3]
    y = view[1, 0] * px + view[1, 1] * py + view[1, 2] * pz + view[1, 3]
    z = view[2, 0] * px + view[2, 1] * py + view[2, 2] * pz + view[2, 3]
    if not z > NEAR_PLANE:
        return False, _ZERO, _ZERO, _ZERO, _ZERO
    column, row = np.floor(k[0, 0] * x / z + k[0, 2]), np.floor(k[1, 1] * y / z + k[1, 2])
    if not (0 <= column < depths.shape[2] and 0 <= row < depths.shape[1]):
        return False, _ZERO, _ZERO, _ZERO, _ZERO
    at = int(row), int(column)
    depth = depths[c, at[0], at[1]]
    if alphas[c, at[0], at[1]] < _SOLID or abs(depth - z) > _STEEPEST * (_NEAR + below):
        return False, _ZERO, _ZERO, _ZERO, _ZERO
    nx, ny, nz = surface_normal(depths[c], alphas[c], k, at)
    if nz == 0:
        return -_NEAR - below <= depth - z <= _NEAR, depth - z, _ZERO, _ZERO, _ZERO
    # From the point to what the middle of the pixel shows, along the camera's axes.
    x = (np.float32(column) + _HALF - k[0, 2]) / k[0, 0] * depth - x
    y = (np.float32(row) + _HALF - k[1, 2]) / k[1, 1] * depth - y
    distance = nx * x + ny * y + nz * (depth - z)
    return (
        -_NEAR <= distance <= _NEAR + below,
        distance,
        nx * view[0, 0] + ny * view[1, 0] + nz * view[2, 0],
        nx * view[0, 1] + ny * view[1, 1] + nz * view[2, 1],
        nx * view[0, 2] + ny * view[1, 2] + nz * view[2, 2],
    )


@jit()
def _face(
    point: Floats, camera: Floats, normal: tuple[Number, Number, Number], towards: Floats
) -> Number:
    """How squarely a camera sees the surface, 0..1; its direction is added to `towards`."""
    x, y, z = camera[0] - point[0], camera[1] - point[1], camera[2] - point[2]
    length = np.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    towards[0] += x
    towards[1] += y
    towards[2] += z
    return max(normal[0] * x + normal[1] * y + normal[2] * z, _ZERO)


@jit()
def _average(
    point: tuple[Floats, np.float32], pictures: ViewArrays, nearest: int, normal: Floats
) -> None:
    """The mean normal of the pictures that show the same side as the nearest one does."""
    place, below = point
    _, _, rx, ry, rz = _look(place, below, pictures, nearest)
    unused = np.zeros(3, np.float32)
    for c in range(len(pictures[0])):
        shows, distance, x, y, z = _look(place, below, pictures, c)
        if shows and x * rx + y * ry + z * rz > 0:
            facing = _face(place, pictures[2][c], (x, y, z), unused)
            off = distance / (_HALF_NEAR + below)
            weight = facing * facing * np.exp(-off * off)
            normal[0] += weight * x
            normal[1] += weight * y
            normal[2] += weight * z
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    if length > 0:
        normal /= length
