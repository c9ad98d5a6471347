"""Splatting on the CPU: Gaussians projected, sorted by depth, binned and blended tile by tile.

Compiled by numba on first use and kept in its cache. A tile belongs to one thread; its pixels stay
in that core's cache and are blended several at a time.
"""

from __future__ import annotations

import numba
import numpy as np

from ..contract.cloud import GaussianCloud
from .cameras import Cameras
from .numba_jit import Floats, Integers, jit
from .projection import (
    BLUE,
    CONIC_XX,
    CONIC_XY,
    CONIC_YY,
    DEPTH,
    GREEN,
    OPACITY,
    REACH_X,
    REACH_Y,
    RED,
    SKIN,
    SLOPE_X,
    SLOPE_Y,
    X,
    Y,
    project,
)
from .rendering import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE, Rendering, view_colors

TILE = 16
_CHECK_EVERY = 32  # Gaussians between two looks at whether a tile is full
_DIGIT_BITS = 11
# Places in a tile's layers: first red, green and blue; the light is what still comes through.
_DEPTH, _WEIGHT, _LIGHT = 3, 4, 5

Layers = tuple[Floats, ...]  # each [TILE * TILE]
Picture = tuple[Floats, Floats, Floats]  # colors [H, W, 3], alphas [H, W], depths [H, W]

_NONE, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_MIN_ALPHA = np.float32(MIN_ALPHA)
_MAX_ALPHA = np.float32(MAX_ALPHA)
_MIN_LIGHT = np.float32(MIN_TRANSMITTANCE)


def rasterize_tiles(
    cloud: GaussianCloud, cameras: Cameras, background: tuple[float, float, float], eps2d: float
) -> Rendering:
    """As `rasterize`, on the CPU."""
    shape = (len(cameras), cameras.height, cameras.width)
    colors = np.empty((*shape, 3), np.float32)
    alphas = np.empty(shape, np.float32)
    depths = np.empty(shape, np.float32)
    gaussians = (cloud.means, cloud.quats, cloud.scales, cloud.opacities)
    behind = np.asarray(background, np.float32)
    for i, position in enumerate(cameras.positions):
        camera = (cameras.viewmats[i], cameras.Ks[i], cameras.width, cameras.height)
        splats = project(gaussians, view_colors(cloud, position), camera, np.float32(eps2d))
        splats = _nearest_first(splats)
        starts, members = bin_splats(splats, cameras.width, cameras.height)
        _blend(splats, starts, members, behind, (colors[i], alphas[i], depths[i]))
    return Rendering(colors, alphas, depths)


@jit()
def _nearest_first(splats: Floats) -> Floats:
    """The splats that are seen, sorted by depth: radix sort, least significant digit first."""
    order = np.flatnonzero(splats[:, REACH_X] >= 0)
    spare = np.empty_like(order)
    keys = splats[:, DEPTH].copy().view(np.uint32)  # positive floats sort like their bits
    mask = (1 << _DIGIT_BITS) - 1
    for shift in range(0, 32, _DIGIT_BITS):
        ends = np.zeros(mask + 2, np.int64)
        for i in order:
            ends[((keys[i] >> shift) & mask) + 1] += 1
        ends = np.cumsum(ends)
        for i in order:
            digit = (keys[i] >> shift) & mask
            spare[ends[digit]] = i
            ends[digit] += 1
        order, spare = spare, order
    return splats[order]


@jit()
def _tiles_of(splat: Floats, across: int, down: int) -> tuple[int, int, int, int]:
    x0 = max(0, int(np.floor((splat[X] - splat[REACH_X]) / TILE)))
    y0 = max(0, int(np.floor((splat[Y] - splat[REACH_Y]) / TILE)))
    x1 = min(across - 1, int(np.floor((splat[X] + splat[REACH_X]) / TILE)))
    y1 = min(down - 1, int(np.floor((splat[Y] + splat[REACH_Y]) / TILE)))
    return x0, x1 + 1, y0, y1 + 1


@jit()
def bin_splats(splats: Floats, width: int, height: int) -> tuple[Integers, Integers]:
    """Which splats touch which tile, nearest first: members[starts[tile]:starts[tile + 1]]."""
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    starts = np.zeros(across * down + 1, np.int64)
    for i in range(len(splats)):
        x0, x1, y0, y1 = _tiles_of(splats[i], across, down)
        for y in range(y0, y1):
            for x in range(x0, x1):
                starts[y * across + x + 1] += 1
    starts = np.cumsum(starts)
    ends = starts[:-1].copy()
    members = np.empty(starts[-1], np.int64)
    for i in range(len(splats)):
        x0, x1, y0, y1 = _tiles_of(splats[i], across, down)
        for y in range(y0, y1):
            for x in range(x0, x1):
                members[ends[y * across + x]] = i
                ends[y * across + x] += 1
    return starts, members


@jit(parallel=True)
def _blend(
    splats: Floats, starts: Integers, members: Integers, background: Floats, picture: Picture
) -> None:
    height, width = picture[1].shape
    across = (width + TILE - 1) // TILE
    for tile in numba.prange(len(starts) - 1):
        left, top = tile % across * TILE, tile // across * TILE
        layers = _empty_tile(width - left, height - top)
        light = layers[_LIGHT]
        for i in range(starts[tile], starts[tile + 1]):
            _add(splats[members[i]], np.float32(left), np.float32(top), layers)
            if i % _CHECK_EVERY == 0 and light.max() == 0:
                break
        _finish(layers, left, top, background, picture)


@jit()
def _empty_tile(width: int, height: int) -> Layers:
    """The layers of a tile, each [TILE * TILE]. Pixels outside the picture are full already."""
    count = TILE * TILE
    rows, columns = np.empty(count, np.float32), np.empty(count, np.float32)
    light = np.zeros(count, np.float32)
    for i in range(count):
        rows[i], columns[i] = i // TILE + _HALF, i % TILE + _HALF
        light[i] = np.float32(i // TILE < height and i % TILE < width)
    red, green = np.zeros(count, np.float32), np.zeros(count, np.float32)
    blue, depth = np.zeros(count, np.float32), np.zeros(count, np.float32)
    return red, green, blue, depth, np.zeros(count, np.float32), light, rows, columns


@jit()
def _add(splat: Floats, left: np.float32, top: np.float32, layers: Layers) -> None:
    """Blend one splat behind what a tile holds already.

    All pixels of the rows that it touches are evaluated, without a branch and with an unsigned
    index: only so does the compiler use vector instructions.
    """
    red, green, blue, depth, weight, light, rows, columns = layers
    x, y = splat[X] - left, splat[Y] - top
    xx, xy, yy = splat[CONIC_XX], splat[CONIC_XY], splat[CONIC_YY]
    opacity, r, g, b, z = splat[OPACITY], splat[RED], splat[GREEN], splat[BLUE], splat[SKIN]
    slope_x, slope_y = splat[SLOPE_X], splat[SLOPE_Y]
    first = max(0, int(y - splat[REACH_Y]))
    last = min(TILE - 1, int(y + splat[REACH_Y]))
    for i in range(np.uint64(first * TILE), np.uint64((last + 1) * TILE)):
        dx, dy = columns[i] - x, rows[i] - y
        distance = _HALF * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
        alpha = min(_MAX_ALPHA, opacity * falling_exp(distance))
        alpha = alpha if alpha >= _MIN_ALPHA else _NONE
        left_over = light[i] * (_ONE - alpha)
        full = left_over <= _MIN_LIGHT
        share = _NONE if full else light[i] * alpha
        light_before = light[i]
        light[i] = _NONE if full else left_over
        weight[i] += share
        red[i] += share * r
        green[i] += share * g
        blue[i] += share * b
        halving = light_before >= _HALF and light[i] < _HALF
        depth[i] = z + slope_x * dx + slope_y * dy if halving else depth[i]


@jit()
def falling_exp(distance: np.float32) -> np.float32:
    """exp(-distance) for 0 <= distance <= 16, below MIN_ALPHA beyond; relative error below 5e-5.

    exp(d) = exp(d / 32)^32 by a short series, since the machine's exp is not vectorised.
    """
    d = min(max(distance, _NONE), np.float32(16)) * np.float32(-1 / 32)
    e = _ONE + d * (_ONE + d * (_HALF + d * (np.float32(1 / 6) + d * np.float32(1 / 24))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@jit()
def _finish(layers: Layers, left: int, top: int, background: Floats, picture: Picture) -> None:
    colors, alphas, depths = picture
    height, width = alphas.shape
    for row in range(min(TILE, height - top)):
        for column in range(min(TILE, width - left)):
            y, x, i = top + row, left + column, row * TILE + column
            alpha = layers[_WEIGHT][i]
            for channel in range(3):
                behind = (_ONE - alpha) * background[channel]
                colors[y, x, channel] = layers[channel][i] + behind
            alphas[y, x] = alpha
            depths[y, x] = layers[_DEPTH][i]
