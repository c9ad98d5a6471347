"""A blurred picture given the detail of a sharp one."""

from __future__ import annotations

import cv2
import numba
import numpy as np

from ...gaussians.numba_jit import Bytes, Floats, Number, jit
from .gaussian_colors import BASE, DETAIL

_BOTH = BASE | DETAIL
# How much more than around it, of 255, the pictures may differ at a texel: beyond that they show
# what lies beside it.
_MOST = np.float32(10)
_AROUND = 25  # lattice texels a side
_LEAST = np.float32(1e-6)
_ZERO, _ONE = np.float32(0), np.float32(1)


def sample_step(blur: int) -> int:
    """Texels between the samples whose means `transfer_detail` takes: three or four a side."""
    return blur // 2 + 1


def transfer_detail(sharp: Bytes, seen: Bytes, known: Bytes, blur: int) -> Bytes:
    """`sharp` [S, S, 3] shifted, around every texel, to the mean colour of `seen` [S, S, 3].

    Args:
        known: [S, S] flags: which of the two hold a colour; where one does, that is taken. Both
            are wanted only at the texels whose row and column `sample_step` divides.
        blur: texels to every side that the means are taken over.
    """
    step = sample_step(blur)
    out = np.zeros_like(seen)
    gaps = _without_bleeding(_gaps(sharp, seen, known, step))
    _shift(sharp, seen, known, (gaps, step, blur), out)
    return out


@jit(parallel=True)
def _gaps(sharp: Bytes, seen: Bytes, known: Bytes, step: int) -> Floats:
    """At the lattice's texels, [s, s, 4]: what `seen` has more than `sharp` around, and 1; or 0."""
    height, width = known.shape
    gaps = np.zeros((-(-height // step), -(-width // step), 4), np.float32)
    for i in numba.prange(len(gaps)):
        for j in range(gaps.shape[1]):
            row, column = i * step, j * step
            if known[row, column] != _BOTH:
                continue
            red, green, blue, count = 0, 0, 0, 0
            for y in range(max(row - step // 2, 0), min(row + (step + 1) // 2, height)):
                for x in range(max(column - step // 2, 0), min(column + (step + 1) // 2, width)):
                    if known[y, x] & DETAIL:
                        red += sharp[y, x, 0]
                        green += sharp[y, x, 1]
                        blue += sharp[y, x, 2]
                        count += 1
            gaps[i, j, 0] = seen[row, column, 0] - red / count
            gaps[i, j, 1] = seen[row, column, 1] - green / count
            gaps[i, j, 2] = seen[row, column, 2] - blue / count
            gaps[i, j, 3] = 1
    return gaps


def _without_bleeding(gaps: Floats) -> Floats:
    """The gaps [s, s, 4], where they stand out from those around reduced: edges blur both ways."""
    means = cv2.blur(gaps, (_AROUND, _AROUND), borderType=cv2.BORDER_REFLECT)
    _reduce(gaps, np.asarray(means, np.float32).reshape(gaps.shape))
    return gaps


@jit(parallel=True)
def _reduce(gaps: Floats, means: Floats) -> None:
    """Leave gaps at most _MOST beyond 0 and the `means` around them [s, s, 4]."""
    for i in numba.prange(len(gaps)):
        for j in range(gaps.shape[1]):
            share = max(means[i, j, 3], _LEAST)
            for channel in range(3):
                around = means[i, j, channel] / share
                low, high = min(around, _ZERO) - _MOST, max(around, _ZERO) + _MOST
                gaps[i, j, channel] = min(max(gaps[i, j, channel], low), high)


@jit(parallel=True)
def _shift(
    sharp: Bytes, seen: Bytes, known: Bytes, lattice: tuple[Floats, int, int], out: Bytes
) -> None:
    gaps, step, blur = lattice
    height, width = known.shape
    for row in numba.prange(height):
        top, bottom = max(-(-(row - blur) // step), 0), min((row + blur) // step + 1, len(gaps))
        for column in range(width):
            if known[row, column] == BASE:
                out[row, column] = seen[row, column]
            elif known[row, column]:
                left = max(-(-(column - blur) // step), 0)
                red, green, blue, count = _ZERO, _ZERO, _ZERO, _ZERO
                for i in range(top, bottom):
                    for j in range(left, min((column + blur) // step + 1, gaps.shape[1])):
                        red += gaps[i, j, 0]
                        green += gaps[i, j, 1]
                        blue += gaps[i, j, 2]
                        count += gaps[i, j, 3]
                count = max(count, _ONE)
                out[row, column, 0] = _byte(sharp[row, column, 0] + red / count)
                out[row, column, 1] = _byte(sharp[row, column, 1] + green / count)
                out[row, column, 2] = _byte(sharp[row, column, 2] + blue / count)


@jit()
def _byte(value: Number) -> np.uint8:
    return np.uint8(min(max(np.rint(value), 0), 255))
