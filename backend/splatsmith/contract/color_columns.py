"""Colors of PLY files: red, green and blue as bytes, as 16-bit numbers or as fractions."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

_COLORS = (
    ("red", "green", "blue"),
    ("r", "g", "b"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
)
_ALPHAS = ("alpha", "a", "diffuse_alpha")
_BYTE, _WORD = 255, 65_535
_BRIGHTEST_FRACTION = 2.0  # colors as fractions may go somewhat beyond 1; bytes go far beyond


def color_names(names: Collection[str]) -> tuple[str, str, str] | None:
    """The properties, among those with `names`, that hold red, green and blue."""
    return next((colors for colors in _COLORS if set(colors) <= set(names)), None)


def alpha_name(names: Collection[str]) -> str | None:
    return next((name for name in _ALPHAS if name in names), None)


def full_value(kind: np.dtype[np.generic], brightest: float) -> int:
    """What stands for a full color where values are of a type and none is above `brightest`.

    Programs write bytes as wider types too: as floats, and as the 16-bit numbers of laser scans.
    """
    if kind == np.uint8 or kind == np.int8:
        return _BYTE
    if kind.kind == "f" and brightest <= _BRIGHTEST_FRACTION:
        return 1
    return _BYTE if brightest <= _BYTE else _WORD


def brightest(colors: NDArray[np.float32]) -> float:
    """The largest finite value; 0 if there is none."""
    finite = colors[np.isfinite(colors)]
    return float(finite.max(initial=0.0))
