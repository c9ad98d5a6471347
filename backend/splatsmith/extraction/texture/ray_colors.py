"""Gaussians blended front to back along rays into a surface.

As in tiled splatting: neighbouring rays form a group that shares one list of Gaussians, sorted by
their depth along the group's middle ray, and are blended several at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from .gaussian_grid import LEAST_ALPHA, CellLists, gaussians_in_box

_GROUP_SIZE = 64  # rays at most
_CHUNK = 64 * _GROUP_SIZE  # rays that one thread groups
_SAME_SIDE = np.float32(0.8)  # cosine between the normals of a group
_CHECK_EVERY = 8  # Gaussians between two checks whether a group is opaque
FADE_SHARE = np.float32(0.25)  # of the window at either end, over which Gaussians fade out
OPAQUE_TRANSMITTANCE = np.float32(5e-3)
_LEAST_ALPHA, MAX_ALPHA = np.float32(LEAST_ALPHA), np.float32(0.999)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_TINY = np.float32(1e-12)


class RayWindow(NamedTuple):
    """How far outside and inside of the surface Gaussians count."""

    outside: float
    inside: float


class GaussianArrays(NamedTuple):
    """N Gaussians as compiled loops take them; see `GaussianGrid`."""

    means: Floats
    extents: Floats
    whitening: Floats
    opacities: Floats
    colors: Floats


class RayGroups(NamedTuple):
    """Rays against the normals: those of group g are starts[g]:starts[g + 1]."""

    points: Floats  # [N, 3]
    normals: Floats  # [N, 3] unit length, outward
    starts: Integers  # [G + 1]


class _Rays(NamedTuple):
    """The rays of one group while they are blended, an array for each component."""

    x: Floats
    y: Floats
    z: Floats
    nx: Floats
    ny: Floats
    nz: Floats
    transmittance: Floats
    red: Floats
    green: Floats
    blue: Floats
    alpha: Floats  # of the Gaussian under way


def group_rays(points: Floats, normals: Floats, width: np.float32) -> Integers:
    """[G + 1] the first of every group of consecutive rays, and their number.

    A group starts within `width` and faces one way.
    """
    is_first = np.zeros(len(points) + 1, np.bool_)
    is_first[-1] = True
    _mark_groups(points, normals, width, is_first)
    return np.flatnonzero(is_first).astype(np.int64)


@jit(parallel=True)
def _mark_groups(
    points: Floats, normals: Floats, width: np.float32, is_first: NDArray[np.bool_]
) -> None:
    """Mark the first ray of each group; every chunk starts a new one."""
    for chunk in numba.prange((len(points) + _CHUNK - 1) // _CHUNK):
        first = -_GROUP_SIZE
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(points))):
            is_apart = i - first >= _GROUP_SIZE
            if not is_apart:
                cosine = _ZERO
                for k in range(3):
                    is_apart = is_apart or abs(points[i, k] - points[first, k]) > width
                    cosine += normals[i, k] * normals[first, k]
                is_apart = is_apart or cosine < _SAME_SIDE
            if is_apart:
                is_first[i] = True
                first = i


@jit(parallel=True)
def blend_along_rays(
    rays: RayGroups, cells: CellLists, gaussians: GaussianArrays, window: RayWindow
) -> tuple[Floats, Floats]:
    """Colours [N, 3], divided by alpha, and alphas [N] of rays into the surface.

    Args:
        window: of np.float32.
    """
    colors = np.zeros((len(rays.points), 3), np.float32)
    alphas = np.zeros(len(rays.points), np.float32)
    for g in numba.prange(len(rays.starts) - 1):
        start, end = rays.starts[g], rays.starts[g + 1]
        points, normals = rays.points[start:end], rays.normals[start:end]
        group = _load_rays(points, normals)
        order = _sorted_gaussians(points, normals, cells, gaussians, window)
        transmittance = group.transmittance
        for k in range(len(order)):
            _blend_gaussian(order[k], gaussians, window, group)
            if k % _CHECK_EVERY == 0 and transmittance.max() < OPAQUE_TRANSMITTANCE:
                break
        for i in range(end - start):
            alpha = _ONE - transmittance[i]
            colors[start + i, 0] = group.red[i] / max(alpha, _TINY)
            colors[start + i, 1] = group.green[i] / max(alpha, _TINY)
            colors[start + i, 2] = group.blue[i] / max(alpha, _TINY)
            alphas[start + i] = alpha
    return colors, alphas


@jit()
def _load_rays(points: Floats, normals: Floats) -> _Rays:
    count = len(points)
    return _Rays(
        points[:, 0].copy(),
        points[:, 1].copy(),
        points[:, 2].copy(),
        normals[:, 0].copy(),
        normals[:, 1].copy(),
        normals[:, 2].copy(),
        np.ones(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.empty(count, np.float32),
    )


@jit()
def _sorted_gaussians(
    points: Floats,
    normals: Floats,
    cells: CellLists,
    gaussians: GaussianArrays,
    window: RayWindow,
) -> Integers:
    """The Gaussians that a group's rays may meet, front to back along its middle ray."""
    means, extents = gaussians.means, gaussians.extents
    low, high = points[0].copy(), points[0].copy()
    for i in range(len(points)):
        for k in range(3):
            front = points[i, k] + window.outside * normals[i, k]
            back = points[i, k] - window.inside * normals[i, k]
            low[k] = min(low[k], front, back)
            high[k] = max(high[k], front, back)
    found = gaussians_in_box(cells, means, extents, low, high)
    middle = len(points) // 2
    point, normal = points[middle], normals[middle]
    width = _ZERO
    for i in range(len(points)):
        width = max(width, _line_distance(point, normal, points[i]))
    depths = np.empty(len(found), np.float32)
    for i in range(len(found)):
        depths[i] = _peak_depth(point, normal, means[found[i]], gaussians.whitening[found[i]])
    count = 0
    for i in range(len(found)):
        reach = extents[found[i]].max()
        if _line_distance(point, normal, means[found[i]]) <= reach + width:
            found[count], depths[count] = found[i], depths[i]
            count += 1
    return found[:count][np.argsort(depths[:count])]


@jit()
def _line_distance(point: Floats, normal: Floats, other: Floats) -> Number:
    """Distance of `other` from the line along the normal."""
    x, y, z = other[0] - point[0], other[1] - point[1], other[2] - point[2]
    along = x * normal[0] + y * normal[1] + z * normal[2]
    return np.sqrt(max(_ZERO, x * x + y * y + z * z - along * along))


@jit()
def _peak_depth(point: Floats, normal: Floats, mean: Floats, whitening: Floats) -> Number:
    """Depth below the point at which a Gaussian peaks on the line along the normal."""
    along, across = _ZERO, _ZERO
    for k in range(3):
        slope = (
            whitening[k, 0] * normal[0] + whitening[k, 1] * normal[1] + whitening[k, 2] * normal[2]
        )
        offset = (
            whitening[k, 0] * (point[0] - mean[0])
            + whitening[k, 1] * (point[1] - mean[1])
            + whitening[k, 2] * (point[2] - mean[2])
        )
        along += slope * slope
        across += slope * offset
    return across / max(along, _TINY)


@jit()
def _blend_gaussian(i: int, gaussians: GaussianArrays, window: RayWindow, rays: _Rays) -> None:
    """Blend one Gaussian behind what the rays have met already.

    In loops without branches that write one array each: only those does the compiler vectorise.
    """
    transmittance, red, green, blue = rays.transmittance, rays.red, rays.green, rays.blue
    weight = rays.alpha
    r, g, b = gaussians.colors[i, 0], gaussians.colors[i, 1], gaussians.colors[i, 2]
    _fill_alphas(i, gaussians, window, rays)
    count = np.uint64(len(transmittance))
    for j in range(count):
        weight[j] *= transmittance[j]
    for j in range(count):
        transmittance[j] -= weight[j]
    for j in range(count):
        red[j] += weight[j] * r
    for j in range(count):
        green[j] += weight[j] * g
    for j in range(count):
        blue[j] += weight[j] * b


@jit()
def _fill_alphas(i: int, gaussians: GaussianArrays, window: RayWindow, rays: _Rays) -> None:
    """Set the rays' alphas to those of one Gaussian at its peak along each ray."""
    x, y, z, u, v, w = rays.x, rays.y, rays.z, rays.nx, rays.ny, rays.nz
    means, whitening = gaussians.means, gaussians.whitening
    alphas, opacity = rays.alpha, gaussians.opacities[i]
    mx, my, mz = means[i, 0], means[i, 1], means[i, 2]
    a, b, c = whitening[i, 0, 0], whitening[i, 0, 1], whitening[i, 0, 2]
    d, e, f = whitening[i, 1, 0], whitening[i, 1, 1], whitening[i, 1, 2]
    g, h, k = whitening[i, 2, 0], whitening[i, 2, 1], whitening[i, 2, 2]
    outside, inside = window.outside, window.inside
    steep = _ONE / (FADE_SHARE * (outside + inside))
    for j in range(np.uint64(len(x))):
        dx, dy, dz = x[j] - mx, y[j] - my, z[j] - mz
        o, p, q = a * dx + b * dy + c * dz, d * dx + e * dy + f * dz, g * dx + h * dy + k * dz
        r, s, t = (
            a * u[j] + b * v[j] + c * w[j],
            d * u[j] + e * v[j] + f * w[j],
            g * u[j] + h * v[j] + k * w[j],
        )
        across = r * o + s * p + t * q
        depth = across / (r * r + s * s + t * t + _TINY)
        distance = _HALF * (o * o + p * p + q * q - across * depth)
        alpha = min(MAX_ALPHA, opacity * _falling_exp(distance))
        # Gaussians fade towards either end of the window, so that colours are continuous.
        fade = min(max(min(depth + outside, inside - depth) * steep, _ZERO), _ONE)
        alphas[j] = alpha * fade if alpha >= _LEAST_ALPHA else _ZERO


@jit()
def _falling_exp(distance: np.float32) -> np.float32:
    """exp(-distance) as in the tile rasteriser: the machine's exp is not vectorised."""
    d = min(max(distance, _ZERO), np.float32(16)) * np.float32(-1 / 32)
    e = _ONE + d * (_ONE + d * (_HALF + d * (np.float32(1 / 6) + d * np.float32(1 / 24))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e
