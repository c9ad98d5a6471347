"""Gaussians seen from points of a surface along its normal, blended front to back.

As in splatting on tiles: points that lie together look at one list of Gaussians, sorted where the
middle of them is, and are blended several at a time.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from .gaussian_grid import FAINTEST, Lists, candidates

GaussianArrays = tuple[
    Floats, Floats, Floats, Floats, Floats
]  # means, reaches, shapes, opacities, colors
Window = tuple[np.float32, np.float32]  # how far outside and inside of a point Gaussians count
Group = tuple[Floats, ...]  # of each point: x, y, z, its normal, light, red, green, blue, share

_TOGETHER = 64  # points at most in one group
_CHUNK = 64 * _TOGETHER  # points that one thread groups
_SAME_SIDE = np.float32(0.8)  # cosine between the normals of a group's points
_CHECK_EVERY = 8  # Gaussians between two looks at whether a group is full
FADE = np.float32(0.25)  # of the window at either end, in which what is there fades out
FULL = np.float32(5e-3)
_FAINTEST, MAX_ALPHA = np.float32(FAINTEST), np.float32(0.999)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_TINY = np.float32(1e-12)


def group_points(points: Floats, normals: Floats, width: np.float32) -> Integers:
    """The first of every group of following points that lie within `width` and look one way.

    [G + 1]; the last is the number of points.
    """
    leads = np.zeros(len(points) + 1, np.bool_)
    leads[-1] = True
    _mark_groups(points, normals, width, leads)
    return np.flatnonzero(leads).astype(np.int64)


@jit(parallel=True)
def _mark_groups(
    points: Floats, normals: Floats, width: np.float32, leads: NDArray[np.bool_]
) -> None:
    """Mark the first point of each group; every chunk begins a new one."""
    for chunk in numba.prange((len(points) + _CHUNK - 1) // _CHUNK):
        first = -_TOGETHER
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(points))):
            far = i - first >= _TOGETHER
            if not far:
                side = _ZERO
                for k in range(3):
                    far = far or abs(points[i, k] - points[first, k]) > width
                    side += normals[i, k] * normals[first, k]
                far = far or side < _SAME_SIDE
            if far:
                leads[i] = True
                first = i


@jit(parallel=True)
def blend_along_rays(
    rays: tuple[Floats, Floats, Integers],
    lists: Lists,
    blobs: GaussianArrays,
    window: Window,
    out: tuple[Floats, Floats],
) -> None:
    """Blend what lies around points on the way inwards.

    Args:
        rays: points [N, 3], unit normals [N, 3], and `group_points` of them.
        out: colours [N, 3], divided by alpha, and alphas [N].
    """
    points, normals, starts = rays
    for g in numba.prange(len(starts) - 1):
        here, facing = points[starts[g] : starts[g + 1]], normals[starts[g] : starts[g + 1]]
        group = _gather(here, facing)
        order = _in_order(here, facing, lists, blobs, window)
        light = group[6]
        for k in range(len(order)):
            _add(order[k], blobs, window, group)
            if k % _CHECK_EVERY == 0 and light.max() < FULL:
                break
        for i in range(len(here)):
            alpha = _ONE - light[i]
            for channel in range(3):
                out[0][starts[g] + i, channel] = group[7 + channel][i] / max(alpha, _TINY)
            out[1][starts[g] + i] = alpha


@jit()
def _gather(points: Floats, normals: Floats) -> Group:
    count = len(points)
    x, y, z = points[:, 0].copy(), points[:, 1].copy(), points[:, 2].copy()
    u, v, w = normals[:, 0].copy(), normals[:, 1].copy(), normals[:, 2].copy()
    light = np.ones(count, np.float32)
    red, green = np.zeros(count, np.float32), np.zeros(count, np.float32)
    blue, share = np.zeros(count, np.float32), np.empty(count, np.float32)
    return x, y, z, u, v, w, light, red, green, blue, share


@jit()
def _in_order(
    points: Floats, normals: Floats, lists: Lists, blobs: GaussianArrays, window: Window
) -> Integers:
    """The Gaussians that points of a group may meet, front to back as their middle one sees it."""
    means, reaches, shapes = blobs[0], blobs[1], blobs[2]
    low, high = points[0].copy(), points[0].copy()
    for i in range(len(points)):
        for k in range(3):
            front = points[i, k] + window[0] * normals[i, k]
            back = points[i, k] - window[1] * normals[i, k]
            low[k] = min(low[k], front, back)
            high[k] = max(high[k], front, back)
    found = candidates(lists, means, reaches, low, high)
    middle = len(points) // 2
    point, normal = points[middle], normals[middle]
    width = _ZERO
    for i in range(len(points)):
        width = max(width, _off_line(point, normal, points[i]))
    depths = np.empty(len(found), np.float32)
    for i in range(len(found)):
        depths[i] = _depth(point, normal, means[found[i]], shapes[found[i]])
    count = 0
    for i in range(len(found)):
        reach = reaches[found[i]].max()
        if _off_line(point, normal, means[found[i]]) <= reach + width:
            found[count], depths[count] = found[i], depths[i]
            count += 1
    return found[:count][np.argsort(depths[:count])]


@jit()
def _off_line(point: Floats, normal: Floats, other: Floats) -> Number:
    """How far `other` is from the line along the normal."""
    x, y, z = other[0] - point[0], other[1] - point[1], other[2] - point[2]
    along = x * normal[0] + y * normal[1] + z * normal[2]
    return np.sqrt(max(_ZERO, x * x + y * y + z * z - along * along))


@jit()
def _depth(point: Floats, normal: Floats, mean: Floats, shape: Floats) -> Number:
    """How far inside of a point a Gaussian peaks on the line along the normal."""
    along, across = _ZERO, _ZERO
    for k in range(3):
        slope = shape[k, 0] * normal[0] + shape[k, 1] * normal[1] + shape[k, 2] * normal[2]
        offset = (
            shape[k, 0] * (point[0] - mean[0])
            + shape[k, 1] * (point[1] - mean[1])
            + shape[k, 2] * (point[2] - mean[2])
        )
        along += slope * slope
        across += slope * offset
    return across / max(along, _TINY)


@jit()
def _add(i: int, blobs: GaussianArrays, window: Window, group: Group) -> None:
    """Blend one Gaussian behind what a group has met already.

    In three loops without a branch, each writing to few arrays: only so does the compiler use
    vector instructions.
    """
    colors = blobs[4]
    light, red, green, blue, share = group[6], group[7], group[8], group[9], group[10]
    r, g, b = colors[i, 0], colors[i, 1], colors[i, 2]
    _alphas(i, blobs, window, group)
    count = np.uint64(len(light))
    for j in range(count):
        share[j] *= light[j]
    for j in range(count):
        light[j] -= share[j]
    for j in range(count):
        red[j] += share[j] * r
    for j in range(count):
        green[j] += share[j] * g
    for j in range(count):
        blue[j] += share[j] * b


@jit()
def _alphas(i: int, blobs: GaussianArrays, window: Window, group: Group) -> None:
    """Of one Gaussian, where it peaks on each point's way inwards, into the last of `group`."""
    means, _, shapes, opacities, _ = blobs
    x, y, z, u, v, w = group[0], group[1], group[2], group[3], group[4], group[5]
    alphas, opacity = group[10], opacities[i]
    mx, my, mz = means[i, 0], means[i, 1], means[i, 2]
    a, b, c = shapes[i, 0, 0], shapes[i, 0, 1], shapes[i, 0, 2]
    d, e, f = shapes[i, 1, 0], shapes[i, 1, 1], shapes[i, 1, 2]
    g, h, k = shapes[i, 2, 0], shapes[i, 2, 1], shapes[i, 2, 2]
    outside, inside = window
    steep = _ONE / (FADE * (outside + inside))
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
        # Towards either end Gaussians count for less, so that colours change smoothly.
        ending = min(max(min(depth + outside, inside - depth) * steep, _ZERO), _ONE)
        alphas[j] = alpha * ending if alpha >= _FAINTEST else _ZERO


@jit()
def _falling_exp(distance: np.float32) -> np.float32:
    """exp(-distance), as the rasteriser of tiles has it: the machine's exp is not vectorised."""
    d = min(max(distance, _ZERO), np.float32(16)) * np.float32(-1 / 32)
    e = _ONE + d * (_ONE + d * (_HALF + d * (np.float32(1 / 6) + d * np.float32(1 / 24))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e
