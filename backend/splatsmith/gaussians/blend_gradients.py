"""Differentiable alpha blending on the CPU: the forward pass and its gradients.

The backward pass goes through a tile's splats from the farthest to the nearest (Kerbl et al. 2023,
"3D Gaussian splatting"). A tile is processed by one thread; its gradients are summed afterwards, so
that threads never wait for each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from .numba_jit import Floats, Integers, Number, jit
from .projection import (
    BLUE,
    CONIC_XX,
    CONIC_XY,
    CONIC_YY,
    EXTENT_X,
    EXTENT_Y,
    GREEN,
    OPACITY,
    RED,
    X,
    Y,
)
from .rasterize_cpu import TILE, exp_negative
from .rendering import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE

# Columns of a splat that are differentiated, in the order of their gradients.
GRADIENT_COLUMNS = (X, Y, CONIC_XX, CONIC_XY, CONIC_YY, OPACITY, RED, GREEN, BLUE)
_COLOR = 6  # the first colour's place among them

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_MIN_ALPHA, _MAX_ALPHA = np.float32(MIN_ALPHA), np.float32(MAX_ALPHA)
_MIN_TRANSMITTANCE = np.float32(MIN_TRANSMITTANCE)


class Bins(NamedTuple):
    """Splats by tile, nearest first: members[starts[tile]:starts[tile + 1]]."""

    starts: Integers
    members: Integers


class Blended(NamedTuple):
    """The forward pass's result.

    Attributes:
        colors: [H, W, 3] over black.
        transmittance: [H, W].
        stops: [H, W], one plus the position of a pixel's last splat among the members.
    """

    colors: Floats
    transmittance: Floats
    stops: Integers


class ImageGradients(NamedTuple):
    """Derivatives of the loss by colors [H, W, 3] and by transmittance [H, W]."""

    colors: Floats
    transmittance: Floats


class _TileState(NamedTuple):
    """A tile's place in the image, in pixels, and its state during the backward pass.

    transmittance is that in front of the current splat; behind is the derivative of the loss by
    the colour behind it, times that colour.
    """

    left: int
    top: int
    right: int
    bottom: int
    transmittance: Floats
    behind: Floats


@jit(parallel=True)
def blend_forward(splats: Floats, bins: Bins, out: Blended) -> None:
    """Blend splats [N, COLUMNS] into `out`."""
    starts, members = bins.starts, bins.members
    colors, transmittance, stops = out.colors, out.transmittance, out.stops
    height, width = transmittance.shape
    across = (width + TILE - 1) // TILE
    transmittance[:] = 1
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
                    alpha = min(_MAX_ALPHA, splat[OPACITY] * _falloff(splat, row, column))
                    if alpha < _MIN_ALPHA:
                        continue
                    before = transmittance[row, column]
                    after = before * (_ONE - alpha)
                    if after <= _MIN_TRANSMITTANCE:
                        full[row - top, column - left] = True
                        continue
                    transmittance[row, column] = after
                    stops[row, column] = i + 1
                    for channel in range(3):
                        colors[row, column, channel] += before * alpha * splat[RED + channel]


@jit(parallel=True)
def blend_backward(
    splats: Floats, bins: Bins, blended: Blended, gradients: ImageGradients
) -> Floats:
    """Derivatives [N, 9] of the loss by the splats' GRADIENT_COLUMNS."""
    starts, members = bins.starts, bins.members
    transmittance = blended.transmittance
    height, width = transmittance.shape
    across = (width + TILE - 1) // TILE
    found = np.zeros((len(members), len(GRADIENT_COLUMNS)), np.float32)
    for tile in numba.prange(len(starts) - 1):
        left, top = tile % across * TILE, tile // across * TILE
        bottom, right = min(top + TILE, height), min(left + TILE, width)
        current = transmittance[top:bottom, left:right].copy()
        behind = gradients.transmittance[top:bottom, left:right] * current
        state = _TileState(left, top, right, bottom, current, behind)
        for i in range(starts[tile + 1] - 1, starts[tile] - 1, -1):
            _splat_backward(splats[members[i]], i, state, blended.stops, gradients.colors, found[i])
    return _summed_by_splat(found, members, len(splats))


@jit()
def _splat_backward(
    splat: Floats,
    i: int,
    tile: _TileState,
    stops: Integers,
    color_gradients: Floats,
    sums: Floats,
) -> None:
    """Add a tile's gradients of its member number i to `sums`, and remove it from the state."""
    transmittance, behind = tile.transmittance, tile.behind
    first, last = _rows(splat, tile.top, tile.bottom)
    begin, end = _columns(splat, tile.left, tile.right)
    for row in range(first, last):
        for column in range(begin, end):
            falloff = _falloff(splat, row, column)
            alpha = min(_MAX_ALPHA, splat[OPACITY] * falloff)
            if i >= stops[row, column] or alpha < _MIN_ALPHA:
                continue
            y, x = row - tile.top, column - tile.left
            transmittance[y, x] /= _ONE - alpha
            weight = transmittance[y, x] * alpha
            own = _ZERO
            for channel in range(3):
                sums[_COLOR + channel] += weight * color_gradients[row, column, channel]
                own += splat[RED + channel] * color_gradients[row, column, channel]
            if alpha < _MAX_ALPHA:
                by_alpha = transmittance[y, x] * own - behind[y, x] / (_ONE - alpha)
                _add_shape_gradients(splat, (row, column), falloff, by_alpha, sums)
            behind[y, x] += weight * own


@jit()
def _add_shape_gradients(
    splat: Floats, pixel: tuple[int, int], falloff: Number, by_alpha: Number, sums: Floats
) -> None:
    """Of one pixel, by the splat's position, conic and opacity; by_alpha is dloss / dalpha."""
    row, column = pixel
    dx, dy = column + _HALF - splat[X], row + _HALF - splat[Y]
    by_distance = -by_alpha * splat[OPACITY] * falloff
    sums[0] -= by_distance * (splat[CONIC_XX] * dx + splat[CONIC_XY] * dy)
    sums[1] -= by_distance * (splat[CONIC_XY] * dx + splat[CONIC_YY] * dy)
    sums[2] += by_distance * _HALF * dx * dx
    sums[3] += by_distance * dx * dy
    sums[4] += by_distance * _HALF * dy * dy
    sums[5] += by_alpha * falloff


@jit()
def _rows(splat: Floats, top: int, bottom: int) -> tuple[int, int]:
    return (
        max(top, int(np.floor(splat[Y] - splat[EXTENT_Y]))),
        min(bottom, int(np.floor(splat[Y] + splat[EXTENT_Y])) + 1),
    )


@jit()
def _columns(splat: Floats, left: int, right: int) -> tuple[int, int]:
    return (
        max(left, int(np.floor(splat[X] - splat[EXTENT_X]))),
        min(right, int(np.floor(splat[X] + splat[EXTENT_X])) + 1),
    )


@jit()
def _falloff(splat: Floats, row: int, column: int) -> np.float32:
    """The 2D Gaussian at a pixel, 1 at its peak."""
    dx, dy = column + _HALF - splat[X], row + _HALF - splat[Y]
    squared = splat[CONIC_XX] * dx * dx + splat[CONIC_YY] * dy * dy
    return exp_negative(_HALF * squared + splat[CONIC_XY] * dx * dy)


@jit()
def _summed_by_splat(found: Floats, members: Integers, count: int) -> Floats:
    sums = np.zeros((count, found.shape[1]), np.float32)
    for i in range(len(members)):
        sums[members[i]] += found[i]
    return sums
