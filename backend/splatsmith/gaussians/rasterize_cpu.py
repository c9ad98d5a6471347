"""Splatting on the CPU: Gaussians projected, sorted by depth, binned and blended tile by tile.

Compiled by numba on first use and kept in its cache. A tile is processed by one thread; its pixels
stay in that core's cache and are blended several at a time.
"""

from __future__ import annotations

from typing import NamedTuple

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
    EXTENT_X,
    EXTENT_Y,
    GREEN,
    OPACITY,
    RED,
    SLOPE_X,
    SLOPE_Y,
    SURFACE_DEPTH,
    Camera,
    CloudArrays,
    X,
    Y,
    project,
)
from .rendering import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE, Rendering, view_colors

TILE = 16
_CHECK_INTERVAL = 32  # Gaussians between two checks whether a tile is full
_DIGIT_BITS = 11

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_MIN_ALPHA = np.float32(MIN_ALPHA)
_MAX_ALPHA = np.float32(MAX_ALPHA)
_MIN_TRANSMITTANCE = np.float32(MIN_TRANSMITTANCE)


class ImageBuffers(NamedTuple):
    """colors [H, W, 3], alphas [H, W], depths [H, W]."""

    colors: Floats
    alphas: Floats
    depths: Floats


class TileBuffers(NamedTuple):
    """Per pixel of a tile, [TILE * TILE] each; rows and columns are pixel centres in the tile."""

    red: Floats
    green: Floats
    blue: Floats
    depth: Floats
    alpha: Floats
    transmittance: Floats
    rows: Floats
    columns: Floats


def rasterize_tiles(
    cloud: GaussianCloud, cameras: Cameras, background: tuple[float, float, float], eps2d: float
) -> Rendering:
    """As `rasterize`, on the CPU."""
    shape = (len(cameras), cameras.height, cameras.width)
    colors = np.empty((*shape, 3), np.float32)
    alphas = np.empty(shape, np.float32)
    depths = np.empty(shape, np.float32)
    arrays = CloudArrays(cloud.means, cloud.quats, cloud.scales, cloud.opacities)
    background_color = np.asarray(background, np.float32)
    for i, position in enumerate(cameras.positions):
        size = cameras.width, cameras.height
        camera = Camera(cameras.viewmats[i], cameras.Ks[i], *size, cameras.near)
        splats = project(arrays, view_colors(cloud, position), camera, np.float32(eps2d))
        splats = _sorted_by_depth(splats)
        starts, members = bin_splats(splats, *size)
        image = ImageBuffers(colors[i], alphas[i], depths[i])
        _blend(splats, starts, members, background_color, image)
    return Rendering(colors, alphas, depths)


@jit()
def _sorted_by_depth(splats: Floats) -> Floats:
    """The visible splats, nearest first: radix sort, least significant digit first."""
    order = np.flatnonzero(splats[:, EXTENT_X] >= 0)
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
def _tile_range(splat: Floats, across: int, down: int) -> tuple[int, int, int, int]:
    """First column, end column, first row and end row of the tiles that a splat touches."""
    x0 = max(0, int(np.floor((splat[X] - splat[EXTENT_X]) / TILE)))
    y0 = max(0, int(np.floor((splat[Y] - splat[EXTENT_Y]) / TILE)))
    x1 = min(across - 1, int(np.floor((splat[X] + splat[EXTENT_X]) / TILE)))
    y1 = min(down - 1, int(np.floor((splat[Y] + splat[EXTENT_Y]) / TILE)))
    return x0, x1 + 1, y0, y1 + 1


@jit()
def bin_splats(splats: Floats, width: int, height: int) -> tuple[Integers, Integers]:
    """Splats by tile, nearest first: members[starts[tile]:starts[tile + 1]]."""
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    starts = np.zeros(across * down + 1, np.int64)
    for i in range(len(splats)):
        x0, x1, y0, y1 = _tile_range(splats[i], across, down)
        for y in range(y0, y1):
            for x in range(x0, x1):
                starts[y * across + x + 1] += 1
    starts = np.cumsum(starts)
    ends = starts[:-1].copy()
    members = np.empty(starts[-1], np.int64)
    for i in range(len(splats)):
        x0, x1, y0, y1 = _tile_range(splats[i], across, down)
        for y in range(y0, y1):
            for x in range(x0, x1):
                members[ends[y * across + x]] = i
                ends[y * across + x] += 1
    return starts, members


@jit(parallel=True)
def _blend(
    splats: Floats, starts: Integers, members: Integers, background: Floats, image: ImageBuffers
) -> None:
    height, width = image.alphas.shape
    across = (width + TILE - 1) // TILE
    for tile in numba.prange(len(starts) - 1):
        left, top = tile % across * TILE, tile // across * TILE
        buffers = _empty_tile(width - left, height - top)
        transmittance = buffers.transmittance
        for i in range(starts[tile], starts[tile + 1]):
            _blend_splat(splats[members[i]], np.float32(left), np.float32(top), buffers)
            if i % _CHECK_INTERVAL == 0 and transmittance.max() == 0:
                break
        _write_tile(buffers, left, top, background, image)


@jit()
def _empty_tile(width: int, height: int) -> TileBuffers:
    """Pixels outside the image are full from the start."""
    count = TILE * TILE
    rows, columns = np.empty(count, np.float32), np.empty(count, np.float32)
    transmittance = np.zeros(count, np.float32)
    for i in range(count):
        rows[i], columns[i] = i // TILE + _HALF, i % TILE + _HALF
        transmittance[i] = np.float32(i // TILE < height and i % TILE < width)
    red, green = np.zeros(count, np.float32), np.zeros(count, np.float32)
    blue, depth = np.zeros(count, np.float32), np.zeros(count, np.float32)
    alpha = np.zeros(count, np.float32)
    return TileBuffers(red, green, blue, depth, alpha, transmittance, rows, columns)


@jit()
def _blend_splat(splat: Floats, left: np.float32, top: np.float32, buffers: TileBuffers) -> None:
    """Blend one splat behind those that are in the tile already.

    All pixels of the rows that it touches are evaluated, without a branch and with an unsigned
    index: otherwise the compiler does not vectorise the loop.
    """
    red, green, blue, depth, alphas, transmittance, rows, columns = buffers
    x, y = splat[X] - left, splat[Y] - top
    xx, xy, yy = splat[CONIC_XX], splat[CONIC_XY], splat[CONIC_YY]
    opacity, r, g, b, z = (
        splat[OPACITY],
        splat[RED],
        splat[GREEN],
        splat[BLUE],
        splat[SURFACE_DEPTH],
    )
    slope_x, slope_y = splat[SLOPE_X], splat[SLOPE_Y]
    first = max(0, int(y - splat[EXTENT_Y]))
    last = min(TILE - 1, int(y + splat[EXTENT_Y]))
    for i in range(np.uint64(first * TILE), np.uint64((last + 1) * TILE)):
        dx, dy = columns[i] - x, rows[i] - y
        distance = _HALF * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
        alpha = min(_MAX_ALPHA, opacity * exp_negative(distance))
        alpha = alpha if alpha >= _MIN_ALPHA else _ZERO
        before = transmittance[i]
        after = before * (_ONE - alpha)
        full = after <= _MIN_TRANSMITTANCE
        weight = _ZERO if full else before * alpha
        transmittance[i] = _ZERO if full else after
        alphas[i] += weight
        red[i] += weight * r
        green[i] += weight * g
        blue[i] += weight * b
        crosses_half = before >= _HALF and transmittance[i] < _HALF
        depth[i] = z + slope_x * dx + slope_y * dy if crosses_half else depth[i]


@jit()
def exp_negative(distance: np.float32) -> np.float32:
    """exp(-distance) for 0 <= distance <= 16, below MIN_ALPHA beyond; relative error below 5e-5.

    exp(d) = exp(d / 32)^32 by a short series, since the machine's exp is not vectorised.
    """
    d = min(max(distance, _ZERO), np.float32(16)) * np.float32(-1 / 32)
    e = _ONE + d * (_ONE + d * (_HALF + d * (np.float32(1 / 6) + d * np.float32(1 / 24))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@jit()
def _write_tile(
    buffers: TileBuffers, left: int, top: int, background: Floats, image: ImageBuffers
) -> None:
    height, width = image.alphas.shape
    channels = buffers.red, buffers.green, buffers.blue
    for row in range(min(TILE, height - top)):
        for column in range(min(TILE, width - left)):
            y, x, i = top + row, left + column, row * TILE + column
            alpha = buffers.alpha[i]
            for channel in range(3):
                behind = (_ONE - alpha) * background[channel]
                image.colors[y, x, channel] = channels[channel][i] + behind
            image.alphas[y, x] = alpha
            image.depths[y, x] = buffers.depth[i]
