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
    out = np.zeros_like(seen)
    for row in numba.prange(height):
        for column in range(width):
            if known[row, column] == SEEN:
                out[row, column] = seen[row, column]
            elif known[row, column]:
                top, bottom = max(0, row - blur), min(height, row + blur + 1)
                left, right = max(0, column - blur), min(width, column + blur + 1)
                for channel in range(3):
                    shift, count = 0, 0
                    for y in range(top, bottom):
                        for x in range(left, right):
                            if known[y, x] == _BOTH:
                                shift += int(seen[y, x, channel]) - int(sharp[y, x, channel])
                                count += 1
                    value = sharp[row, column, channel] + shift / max(count, 1)
                    out[row, column, channel] = min(max(round(value), 0), 255)
    return out
