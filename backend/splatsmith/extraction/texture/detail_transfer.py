"""Detail transfer: a blurred image is given the high frequencies of a sharp one."""

from __future__ import annotations

import cv2
import numba
import numpy as np

from ...gaussians.numba_jit import Bytes, Floats, Number, jit
from .color_samples import BASE, DETAIL

_BOTH = BASE | DETAIL
# How much a difference, of 255, may exceed its neighbourhood's: more is colour that bleeds in from
# beside the texel.
_MAX_EXCESS = np.float32(10)
_NEIGHBORHOOD = 25  # lattice samples a side
_LEAST_SHARE = np.float32(1e-6)
_ZERO, _ONE = np.float32(0), np.float32(1)


@jit()
def sample_step(blur: int) -> int:
    """Texels between the lattice samples whose means `transfer_detail` takes: 3 or 4 a side."""
    return blur // 2 + 1


def transfer_detail(detail: Bytes, base: Bytes, known: Bytes, blur: int) -> Bytes:
    """`detail` [S, S, 3] with its mean colour around each texel replaced by that of `base`.

    Args:
        known: [S, S] flags DETAIL | BASE; where only one is known, it is taken. Both are needed
            only at texels whose row and column are multiples of `sample_step`.
        blur: radius in texels of the means.
    """
    step = sample_step(blur)
    out = np.zeros_like(base)
    differences = _limit_bleeding(_differences(detail, base, known, step))
    _add_differences(detail, base, known, differences, blur, out)
    return out


@jit(parallel=True)
def _differences(detail: Bytes, base: Bytes, known: Bytes, step: int) -> Floats:
    """[s, s, 4] at the lattice: `base` minus the mean of `detail` around, and 1; or 0."""
    height, width = known.shape
    differences = np.zeros((-(-height // step), -(-width // step), 4), np.float32)
    for i in numba.prange(len(differences)):
        for j in range(differences.shape[1]):
            row, column = i * step, j * step
            if known[row, column] != _BOTH:
                continue
            red, green, blue, count = 0, 0, 0, 0
            for y in range(max(row - step // 2, 0), min(row + (step + 1) // 2, height)):
                for x in range(max(column - step // 2, 0), min(column + (step + 1) // 2, width)):
                    if known[y, x] & DETAIL:
                        red += detail[y, x, 0]
                        green += detail[y, x, 1]
                        blue += detail[y, x, 2]
                        count += 1
            differences[i, j, 0] = base[row, column, 0] - red / count
            differences[i, j, 1] = base[row, column, 1] - green / count
            differences[i, j, 2] = base[row, column, 2] - blue / count
            differences[i, j, 3] = 1
    return differences


def _limit_bleeding(differences: Floats) -> Floats:
    """Clamp differences [s, s, 4] that stand out from their neighbourhood: edges blur both ways."""
    size = (_NEIGHBORHOOD, _NEIGHBORHOOD)
    means = cv2.blur(differences, size, borderType=cv2.BORDER_REFLECT)
    _clamp(differences, np.asarray(means, np.float32).reshape(differences.shape))
    return differences


@jit(parallel=True)
def _clamp(differences: Floats, means: Floats) -> None:
    """Clamp to at most _MAX_EXCESS beyond 0 and the `means` [s, s, 4]."""
    for i in numba.prange(len(differences)):
        for j in range(differences.shape[1]):
            share = max(means[i, j, 3], _LEAST_SHARE)
            for channel in range(3):
                mean = means[i, j, channel] / share
                low, high = min(mean, _ZERO) - _MAX_EXCESS, max(mean, _ZERO) + _MAX_EXCESS
                differences[i, j, channel] = min(max(differences[i, j, channel], low), high)


@jit(parallel=True)
def _add_differences(
    detail: Bytes, base: Bytes, known: Bytes, differences: Floats, blur: int, out: Bytes
) -> None:
    """Set out [S, S, 3]: the detail plus the mean difference of the lattice samples in the blur."""
    step = sample_step(blur)
    height, width = known.shape
    rows, columns = differences.shape[0], differences.shape[1]
    for row in numba.prange(height):
        top, bottom = max(-(-(row - blur) // step), 0), min((row + blur) // step + 1, rows)
        for column in range(width):
            if known[row, column] == BASE:
                out[row, column] = base[row, column]
            elif known[row, column]:
                left = max(-(-(column - blur) // step), 0)
                red, green, blue, count = _ZERO, _ZERO, _ZERO, _ZERO
                for i in range(top, bottom):
                    for j in range(left, min((column + blur) // step + 1, columns)):
                        red += differences[i, j, 0]
                        green += differences[i, j, 1]
                        blue += differences[i, j, 2]
                        count += differences[i, j, 3]
                count = max(count, _ONE)
                out[row, column, 0] = _to_byte(detail[row, column, 0] + red / count)
                out[row, column, 1] = _to_byte(detail[row, column, 1] + green / count)
                out[row, column, 2] = _to_byte(detail[row, column, 2] + blue / count)


@jit()
def _to_byte(value: Number) -> np.uint8:
    return np.uint8(min(max(np.rint(value), 0), 255))
