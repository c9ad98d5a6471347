"""Depths as the networks take them: values of a z-buffer, 0 at the near plane and 1 at the far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEAR, FAR = 0.6, 5.0  # of the code; the cameras are at distance 1 from the origin
_MARGIN = 1e-6

Doubles = NDArray[np.float64]


def decode_depth(code: Doubles, near: float = NEAR, far: float = FAR) -> Doubles:
    """Depth codes of any shape to z-depths; codes outside 0..1 are clipped."""
    clipped = np.clip(code, _MARGIN, 1 - _MARGIN)
    return near * far / (far - (far - near) * clipped)


def encode_depth(depth: Doubles, near: float = NEAR, far: float = FAR) -> Doubles:
    """z-depths of any shape to codes; depths outside near..far are clipped."""
    clipped = np.clip(depth, near, far)
    return (1 / near - 1 / clipped) / (1 / near - 1 / far)


def is_continuous(values: Doubles, absolute: float, relative: float) -> NDArray[np.bool_]:
    """[H, W] whether a value of `values` [H, W] differs from less than three of its eight
    neighbours by more than `absolute`, and its inverse by more than `relative`.
    """
    height, width = values.shape
    padded = np.pad(values, 1, mode="edge")
    count = np.zeros(values.shape, np.int64)
    for row in range(3):
        for column in range(3):
            neighbor = padded[row : row + height, column : column + width]
            with np.errstate(divide="ignore", invalid="ignore"):
                inverse = np.abs(1 / neighbor - 1 / values)
            count += (np.abs(neighbor - values) > absolute) & (inverse > relative)
    return count < 3
