"""The axis of a splat file that points up, and the quarter turn from there to the asset frame."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", np.float32, np.float64)


class UpAxis(StrEnum):
    """Which axis of a file's coordinates points up.

    Captures that were made from COLMAP's cameras have Y down; nerfstudio and Blender have Z up.
    """

    Y = "y"  # the asset frame's own: right-handed, Y up, front +Z
    MINUS_Y = "-y"
    Z = "z"
    MINUS_Z = "-z"
    X = "x"
    MINUS_X = "-x"


_ROTATIONS = {
    UpAxis.Y: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    UpAxis.MINUS_Y: ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    UpAxis.Z: ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    UpAxis.MINUS_Z: ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    UpAxis.X: ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    UpAxis.MINUS_X: ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}
_HALF = 0.5**0.5
_QUATERNIONS = {  # the same rotations, wxyz
    UpAxis.Y: (1, 0, 0, 0),
    UpAxis.MINUS_Y: (0, 1, 0, 0),
    UpAxis.Z: (_HALF, -_HALF, 0, 0),
    UpAxis.MINUS_Z: (_HALF, _HALF, 0, 0),
    UpAxis.X: (_HALF, 0, 0, _HALF),
    UpAxis.MINUS_X: (_HALF, 0, 0, -_HALF),
}
_NAMED = re.compile(r"\b(?:vertical|up)[\s_-]*axis\s*[:=]?\s*(?P<value>.+)", re.IGNORECASE)
_LETTER = re.compile(r"(?P<sign>[+-]?)\s*(?P<axis>[xyz])\b", re.IGNORECASE)
_PHRASE = re.compile(
    r"(?<![\w.])(?P<sign>[+-]?)(?P<axis>[xyz])[\s_-]?(?P<way>up|down)\b", re.IGNORECASE
)
_BRUSH = re.compile(r"\bexported from brush\b", re.IGNORECASE)


def to_asset_rotation(up: UpAxis) -> NDArray[np.float64]:
    """The rotation [3, 3] that turns `up` to +Y: a signed permutation.

    It keeps X to the right, except for `up` along X, where it keeps Z; Z up has its front at -Y, as
    in Blender.
    """
    return np.array(_ROTATIONS[up], np.float64)


def turned_vectors(vectors: NDArray[_Real], up: UpAxis) -> NDArray[_Real]:
    """Vectors [N, 3] in the asset frame; exact, as components are only exchanged and negated."""
    rows = np.array(_ROTATIONS[up])
    return vectors[:, np.abs(rows).argmax(axis=1)] * rows.sum(axis=1).astype(vectors.dtype)


def turned_quaternions(quats: NDArray[np.float32], up: UpAxis) -> NDArray[np.float32]:
    """Rotations wxyz [N, 4] in the asset frame."""
    w, x, y, z = _QUATERNIONS[up]
    product = ((w, -x, -y, -z), (x, w, -z, y), (y, z, w, -x), (z, -y, x, w))
    return np.einsum("ij,nj->ni", np.array(product, np.float32), quats)


def up_axis_in(comments: Iterable[str]) -> UpAxis | None:
    """The axis that a file's comments name, as "Vertical Axis: z" or "Y-down"; None if none does.

    A vector, which Brush writes, counts as the axis nearest to it. Brush's bare "y" stands for a
    cloud that lies as COLMAP's cameras saw it, with Y down.
    """
    lines = tuple(comments)
    named = (match["value"] for line in lines if (match := _NAMED.search(line)))
    for value in named:
        up = _named_axis(value)
        if up is UpAxis.Y and any(map(_BRUSH.search, lines)) and value.strip().lower() == "y":
            return UpAxis.MINUS_Y
        if up is not None:
            return up
    phrases = (match for line in lines if (match := _PHRASE.search(line)))
    return next((_signed(m["axis"], (m["sign"] == "-") != _is_down(m)) for m in phrases), None)


def up_comments(up: UpAxis) -> tuple[str, ...]:
    """What `up_axis_in` reads; nothing for Y, which a file has that says nothing."""
    return () if up is UpAxis.Y else (f"Vertical Axis: {up.value}",)


def _named_axis(value: str) -> UpAxis | None:
    if letter := _LETTER.match(value):
        return _signed(letter["axis"], letter["sign"] == "-")
    try:
        vector = np.array([float(part) for part in re.split(r"[\s,;()\[\]]+", value) if part])
    except ValueError:
        return None
    if vector.shape != (3,) or not np.isfinite(vector).all() or not vector.any():
        return None
    longest = int(np.abs(vector).argmax())
    return _signed("xyz"[longest], bool(vector[longest] < 0))


def _signed(axis: str, negative: bool) -> UpAxis:
    return UpAxis(f"{'-' if negative else ''}{axis.lower()}")


def _is_down(phrase: re.Match[str]) -> bool:
    return phrase["way"].lower() == "down"
