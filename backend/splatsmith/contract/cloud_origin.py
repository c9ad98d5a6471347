"""The origin of clouds that lie far from zero, as georeferenced ones do.

Near 4,650,000 m, 32-bit numbers are half a metre apart. Where a file has more digits than they
keep, a point near the cloud is subtracted from its positions in 64 bits while they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_FAR = 8.0  # times the cloud's extent; from there on, 32 bits err by half a millionth of the extent
_SAMPLES = 1 << 16
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_ORIGIN = re.compile(rf"origin\s*[:=]?\s*({_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER})\s*$", re.I)


def find_origin(positions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """A round point [3] amid `positions` [N, 3], zero if they are not far from it.

    None if no position is finite.
    """
    finite = positions[np.isfinite(positions).all(axis=1)]
    if not len(finite):
        return None
    lower, middle, upper = np.percentile(finite, (5, 50, 95), axis=0)
    extent = float((upper - lower).max())
    if not is_far(middle, extent):
        return np.zeros(3)
    step = 10.0 ** np.floor(np.log10(max(extent, 1e-6 * float(np.abs(middle).max()))))
    return np.asarray(np.round(middle / step) * step, np.float64)


def is_far(origin: NDArray[np.float64], extent: float) -> bool:
    """Whether 32-bit numbers are too coarse around `origin`."""
    return float(np.abs(origin).max()) > _FAR * extent


def extent_of(means: NDArray[np.float32], scales: NDArray[np.float32]) -> float:
    """The size of a cloud of Gaussians, without its floaters; a single one has its own."""
    if not len(means):
        return 0.0
    step = max(1, len(means) // _SAMPLES)
    lower, upper = np.percentile(means[::step], (5, 95), axis=0)
    return max(float((upper - lower).max()), 6 * float(np.median(scales[::step].max(axis=1))))


def origin_comments(origin: NDArray[np.float64] | None) -> tuple[str, ...]:
    """The comments of a PLY file that keep `origin`; see `origin_in`."""
    if origin is None or not origin.any():
        return ()
    return ("origin " + " ".join(map(repr, origin.tolist())),)


def origin_in(comments: Iterable[str]) -> NDArray[np.float64]:
    """The origin [3] that a file's comments name; zero if they name none."""
    for comment in comments:
        if match := _ORIGIN.fullmatch(comment):
            return np.array(re.split(r"[\s,]+", match[1]), np.float64)
    return np.zeros(3)
