"""Centre a cut-out in a square: how the object lies in the picture no longer matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UnreadablePicture

FILL = 0.85
OPAQUE = 128


@dataclass(frozen=True)
class Square:
    """A square in a picture, in pixels from its upper left corner; it may reach beyond it."""

    x: float  # of its middle
    y: float
    side: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        half = self.side / 2
        return self.x - half, self.y - half, self.x + half, self.y + half


def square_around(picture: NDArray[np.uint8], fill: float = FILL) -> Square:
    """The square about the opaque pixels of RGBA [H, W, 4]: their bounding box lies in its middle
    and takes `fill` of its side.

    Raises:
        UnreadablePicture: nothing in the picture is opaque.
    """
    left, top, right, bottom = _bounds(picture[..., 3] >= OPAQUE)
    side = max(right - left, bottom - top) / fill
    return Square((left + right) / 2, (top + bottom) / 2, side)


def frame_cutout(picture: NDArray[np.uint8], size: int, fill: float = FILL) -> NDArray[np.float32]:
    """`square_around` what RGBA [H, W, 4] with straight alpha shows, as [4, size, size]: RGB on
    white and alpha, -1..1.

    Raises:
        UnreadablePicture: nothing in the picture is opaque.
    """
    return _resample(picture, square_around(picture, fill).box, size)


def _bounds(opaque: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    if not len(rows):
        raise UnreadablePicture(
            "The picture shows nothing: it is transparent everywhere.",
            "Choose a picture that shows an object.",
        )
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _resample(
    picture: NDArray[np.uint8], box: tuple[float, float, float, float], size: int
) -> NDArray[np.float32]:
    """Average the pixels of `box`, which may reach beyond the picture, into size x size."""
    margin = int(
        np.ceil(max(-box[0], -box[1], box[2] - picture.shape[1], box[3] - picture.shape[0], 0))
    )
    padded = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)))
    premultiplied = Image.fromarray(padded, "RGBA").convert("RGBa")
    shifted = (box[0] + margin, box[1] + margin, box[2] + margin, box[3] + margin)
    resized = premultiplied.resize((size, size), Image.Resampling.BILINEAR, box=shifted)
    rgba = np.asarray(resized, np.float32).transpose(2, 0, 1) / 255
    framed = np.concatenate([rgba[:3] + 1 - rgba[3:], rgba[3:]]) * 2 - 1
    return framed.astype(np.float32)
