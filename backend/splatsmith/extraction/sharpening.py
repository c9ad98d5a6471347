"""A blurred picture given the detail of a sharp one."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ..gaussians.compiling import compiled
from .coloring import SEEN, SHARP

Bytes = NDArray[np.uint8]
_BOTH = SEEN | SHARP


@compiled(parallel=True)
def sharpened(sharp: Bytes, seen: Bytes, known: Bytes, blur: int) -> Bytes:
    """`sharp` [S, S, 3] shifted, around every texel, to the mean colour of `seen` [S, S, 3].

    Args:
        known: [S, S] flags: which of the two hold a colour; where one does, that is taken.
        blur: texels to every side that the means are taken over.
    """
    height, width = known.shape
    step = max(1, blur // 2)  # five samples along each side are mean enough
    out = np.zeros_like(seen)
    for row in numba.prange(height):
        for column in range(width):
            if known[row, column] == SEEN:
                out[row, column] = seen[row, column]
            elif known[row, column]:
                for channel in range(3):
                    shift, count = 0, 0
                    for y in range(row - blur, row + blur + 1, step):
                        for x in range(column - blur, column + blur + 1, step):
                            inside = 0 <= y < height and 0 <= x < width
                            if inside and known[y, x] == _BOTH:
                                shift += int(seen[y, x, channel]) - int(sharp[y, x, channel])
                                count += 1
                    value = sharp[row, column, channel] + shift / max(count, 1)
                    out[row, column, channel] = min(max(round(value), 0), 255)
    return out
