"""Blending on the CPU that can be differentiated: pictures of splats, and the way back.

The way back goes through a tile's splats from the farthest to the nearest, as Kerbl et al., "3D
Gaussian splatting" (2023), do on a GPU. A tile belongs to one thread; what it finds for a splat is
added up afterwards, so that threads never wait for each other.
"""

from __future__ import annotations

import numba
import numpy as np

from .numba_jit import Floats, Integers, Number, jit
from .projection import (
    BLUE,
    CONIC_XX,
    CONIC_XY,
    CONIC_YY,
    GREEN,
    OPACITY,
    REACH_X,
    REACH_Y,
    RED,
    X,
    Y,
)
from .rasterize_cpu import TILE, falling_exp
from .rendering import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE

# Columns of a splat that have gradients, in the order in which these are given.
LEARNT = (X, Y, CONIC_XX, CONIC_XY, CONIC_YY, OPACITY, RED, GREEN, BLUE)
_COLOR = 6  # where those of the colour begin

Bins = tuple[Integers, Integers]  # starts, members: members[starts[tile]:starts[tile + 1]]
Blended = tuple[Floats, Floats, Integers]
"""colors [H, W, 3] over black; light [H, W] that comes through; stops [H, W]: where a pixel's last
splat is among the members, plus one."""
Pixels = tuple[Floats, Floats, Integers, Floats]
"""Of a tile: the light that came through what is before the splat at hand, and what all behind it
adds to the change of the loss; of the picture: stops, and the loss's change by colors."""

_HALF, _ONE, _NONE = np.float32(0.5), np.float32(1), np.float32(0)
_MIN_ALPHA, _MAX_ALPHA = np.float32(MIN_ALPHA), np.float32(MAX_ALPHA)
_MIN_LIGHT = np.float32(MIN_TRANSMITTANCE)


@jit(parallel=True)
def blend(splats: Floats, bins: Bins, out: Blended) -> None:
    """Fill `out` with the picture of splats [N, COLUMNS], binned nearest first."""
    starts, members = bins
    colors, light, stops = out
    height, width = light.shape
    across = (width + TILE - 1) // TILE
    light[:] = 1
    colors[:] = 0
    stops[:] = 0
    for tile in numba.prange(len(starts) - 1):
        left, top = tile % across * TILE, tile // across * TILE
        bottom, right = min(top + TILE, height), min(left + TILE, width)
        full = np.zeros((TILE, TILE), np.bool_)
        for i in range(starts[tile], starts[tile + 1]):
            splat = splats[members[i]]
            first, last = _rows(splat, top, bottom)
            begin, end = _columns(splat, left, right)
            for row in range(first, last):
                for column in range(begin, end):
                    if full[row - top, column - left]:
                        continue
                    alpha = min(_MAX_ALPHA, splat[OPACITY] * _fall(splat, row, column))
                    if alpha < _MIN_ALPHA:
                        continue
                    before = light[row, column]
                    after = before * (_ONE - alpha)
                    if after <= _MIN_LIGHT:
                        full[row - top, column - left] = True
                        continue
                    light[row, column] = after
                    stops[row, column] = i + 1
                    for channel in range(3):
                        colors[row, column, channel] += before * alpha * splat[RED + channel]


@jit(parallel=True)
def blend_back(
    splats: Floats, bins: Bins, blended: Blended, wanted: tuple[Floats, Floats]
) -> Floats:
    """How a loss changes with what is LEARNT, [N, 9].

    Args:
        wanted: how it changes with colors [H, W, 3] and with the light [H, W].
    """
    starts, members = bins
    _, light, stops = blended
    by_color, by_light = wanted
    height, width = light.shape
    across = (width + TILE - 1) // TILE
    found = np.zeros((len(members), len(LEARNT)), np.float32)
    for tile in numba.prange(len(starts) - 1):
        left, top = tile % across * TILE, tile // across * TILE
        bottom, right = min(top + TILE, height), min(left + TILE, width)
        come = light[top:bottom, left:right].copy()
        behind = by_light[top:bottom, left:right] * come
        pixels = come, behind, stops, by_color
        for i in range(starts[tile + 1] - 1, starts[tile] - 1, -1):
            _take_off(splats[members[i]], i, (left, top, right, bottom), pixels, found[i])
    return _gathered(found, members, len(splats))


@jit()
def _take_off(
    splat: Floats, i: int, tile: tuple[int, int, int, int], pixels: Pixels, sums: Floats
) -> None:
    """Add what a tile says of its splat number i to `sums`, and uncover what is before it."""
    left, top, right, bottom = tile
    come, behind, stops, by_color = pixels
    first, last = _rows(splat, top, bottom)
    begin, end = _columns(splat, left, right)
    for row in range(first, last):
        for column in range(begin, end):
            fall = _fall(splat, row, column)
            alpha = min(_MAX_ALPHA, splat[OPACITY] * fall)
            if i >= stops[row, column] or alpha < _MIN_ALPHA:
                continue
            y, x = row - top, column - left
            come[y, x] /= _ONE - alpha
            share = come[y, x] * alpha
            own = _NONE
            for channel in range(3):
                sums[_COLOR + channel] += share * by_color[row, column, channel]
                own += splat[RED + channel] * by_color[row, column, channel]
            if alpha < _MAX_ALPHA:
                by_alpha = come[y, x] * own - behind[y, x] / (_ONE - alpha)
                _learn(splat, row, column, (fall, by_alpha), sums)
            behind[y, x] += share * own


@jit()
def _learn(splat: Floats, row: int, column: int, at: tuple[Number, Number], sums: Floats) -> None:
    """Add what one pixel says of a splat's place, conic and opacity."""
    fall, by_alpha = at
    dx, dy = column + _HALF - splat[X], row + _HALF - splat[Y]
    by_distance = -by_alpha * splat[OPACITY] * fall
    sums[0] -= by_distance * (splat[CONIC_XX] * dx + splat[CONIC_XY] * dy)
    sums[1] -= by_distance * (splat[CONIC_XY] * dx + splat[CONIC_YY] * dy)
    sums[2] += by_distance * _HALF * dx * dx
    sums[3] += by_distance * dx * dy
    sums[4] += by_distance * _HALF * dy * dy
    sums[5] += by_alpha * fall


@jit()
def _rows(splat: Floats, top: int, bottom: int) -> tuple[int, int]:
    return (
        max(top, int(np.floor(splat[Y] - splat[REACH_Y]))),
        min(bottom, int(np.floor(splat[Y] + splat[REACH_Y])) + 1),
    )


@jit()
def _columns(splat: Floats, left: int, right: int) -> tuple[int, int]:
    return (
        max(left, int(np.floor(splat[X] - splat[REACH_X]))),
        min(right, int(np.floor(splat[X] + splat[REACH_X])) + 1),
    )


@jit()
def _fall(splat: Floats, row: int, column: int) -> np.float32:
    """How far the splat has fallen off at a pixel, 1 at its middle."""
    dx, dy = column + _HALF - splat[X], row + _HALF - splat[Y]
    squared = splat[CONIC_XX] * dx * dx + splat[CONIC_YY] * dy * dy
    return falling_exp(_HALF * squared + splat[CONIC_XY] * dx * dy)


@jit()
def _gathered(found: Floats, members: Integers, count: int) -> Floats:
    sums = np.zeros((count, found.shape[1]), np.float32)
    for i in range(len(members)):
        sums[members[i]] += found[i]
    return sums
