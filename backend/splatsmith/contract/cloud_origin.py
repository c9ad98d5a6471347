"""Positions, and the origin of clouds that lie far from zero, as georeferenced ones do.

Near 4,650,000 m, 32-bit numbers are half a metre apart. Where a file has more digits than they
keep, a point near the cloud is subtracted from its positions in 64 bits while they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .percentiles import percentiles
from .ply import Block, VertexTable
from .up_axis import UpAxis, turned_vectors

_FAR = 8.0  # times the cloud's extent; from there on, 32 bits err by half a millionth of the extent
_SAMPLES = 1 << 16
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_ORIGIN = re.compile(rf"origin\s*[:=]?\s*({_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER})\s*$", re.I)


class PositionReader:
    """Reads positions block by block, less an origin if they lie far from zero.

    Args:
        names: the properties of x, y and z.
    """

    def __init__(self, table: VertexTable, names: Sequence[str]) -> None:
        self._table = table
        self._names = tuple(names)
        # None until a block with a finite position is read.
        self._origin = None if any(map(table.is_wide, names)) else np.zeros(3)

    def read(self, block: Block, out: NDArray[np.float32]) -> None:
        """Write the block's positions to `out` [N, 3], in the file's axes."""
        if self._origin is None:
            columns = [block[name] for name in self._names]
            self._origin = find_origin(np.stack(columns, axis=1).astype(np.float64))
        shift = [] if self._origin is None else self._origin.tolist()
        for axis, name in enumerate(self._names):
            if any(shift):
                out[:, axis] = block[name] - shift[axis]
            else:
                out[:, axis] = block[name]

    def settle(self, means: NDArray[np.float32], extent: float, up: UpAxis) -> NDArray[np.float64]:
        """The origin [3] of all positions read, `means` [N, 3], both in the asset frame.

        It was chosen by the first block, which may hold only a corner of the cloud: if it is not
        far from zero for the whole `extent`, it is added to the means again.
        """
        kept = origin_in(self._table.comments)
        origin = np.zeros(3) if self._origin is None else self._origin
        if origin.any() and not is_far(origin, extent):
            means += turned_vectors(origin[None], up)[0]
            origin = np.zeros(3)
        return turned_vectors((origin + kept)[None], up)[0]


def find_origin(positions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """A round point [3] amid `positions` [N, 3], zero if they are not far from it.

    None if no position is finite.
    """
    finite = positions[np.isfinite(positions).all(axis=1)]
    if not len(finite):
        return None
    lower, middle, upper = percentiles(finite.T, (5, 50, 95))
    extent = float((upper - lower).max())
    if not is_far(middle, extent):
        return np.zeros(3)
    step = 10.0 ** np.floor(np.log10(max(extent, 1e-6 * float(np.abs(middle).max()))))
    return np.asarray(np.round(middle / step) * step, np.float64)


def is_far(origin: NDArray[np.float64], extent: float) -> bool:
    """Whether 32-bit numbers are too coarse around `origin`."""
    return float(np.abs(origin).max()) > _FAR * extent


def extent_of(means: NDArray[np.float32], scales: NDArray[np.float32] | None = None) -> float:
    """The size of a cloud of points or Gaussians, without its floaters; one Gaussian has its own.

    Args:
        means: [N, 3].
        scales: [N, 3].
    """
    if not len(means):
        return 0.0
    step = max(1, len(means) // _SAMPLES)
    lower, upper = percentiles(means[::step].T, (5, 95))
    own = 0.0 if scales is None else 6 * float(percentiles(scales[::step].max(axis=1), (50,))[0])
    return max(float((upper - lower).max()), own)


def origin_notes(origin: NDArray[np.float64]) -> tuple[str, ...]:
    """What a user is told of an origin; nothing if it is zero."""
    if not origin.any():
        return ()
    place = ", ".join(f"{value:,.10g}" for value in origin)
    return (f"The cloud lies far from zero; ({place}) was subtracted from it, with Y up.",)


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
