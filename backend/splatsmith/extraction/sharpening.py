"""A blurred picture given the detail of a sharp one."""

from __future__ import annotations

import numba
import numpy as np

from ..gaussians.compiling import Bytes, Floats, Number, compiled
from .coloring import SEEN, SHARP

_BOTH = SEEN | SHARP
_MOST = np.float32(20)  # of 255: pictures that differ by more show what lies beside the point
_ZERO, _ONE = np.float32(0), np.float32(1)


def lattice_step(blur: int) -> int:
    """Texels between those that `sharpened` takes means of: three or four on a side are enough."""
    return blur // 2 + 1


def sharpened(sharp: Bytes, seen: Bytes, known: Bytes, blur: int) -> Bytes:
    """`sharp` [S, S, 3] shifted a little, around every texel, to the mean of `seen` [S, S, 3].

    Args:
        known: [S, S] flags: which of the two hold a colour; where one does, that is taken. Both
            are wanted only at the texels whose row and column `lattice_step` divides.
        blur: texels to every side that the means are taken over.
    """
    step = lattice_step(blur)
    out = np.zeros_like(seen)
    _shift(sharp, seen, known, (_gaps(sharp, seen, known, step), step, blur), out)
    return out


@compiled(parallel=True)
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
                    if known[y, x] & SHARP:
                        red += sharp[y, x, 0]
                        green += sharp[y, x, 1]
                        blue += sharp[y, x, 2]
                        count += 1
            gaps[i, j, 0] = seen[row, column, 0] - red / count
            gaps[i, j, 1] = seen[row, column, 1] - green / count
            gaps[i, j, 2] = seen[row, column, 2] - blue / count
            gaps[i, j, 3] = 1
    return gaps


@compiled(parallel=True)
def _shift(
    sharp: Bytes, seen: Bytes, known: Bytes, lattice: tuple[Floats, int, int], out: Bytes
) -> None:
    gaps, step, blur = lattice
    height, width = known.shape
    for row in numba.prange(height):
        top, bottom = max(-(-(row - blur) // step), 0), min((row + blur) // step + 1, len(gaps))
        for column in range(width):
            if known[row, column] == SEEN:
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
                for channel, shift in enumerate((red, green, blue)):
                    shift = min(max(shift / count, -_MOST), _MOST)
                    out[row, column, channel] = _byte(sharp[row, column, channel] + shift)


@compiled()
def _byte(value: Number) -> np.uint8:
    return np.uint8(min(max(np.rint(value), 0), 255))
