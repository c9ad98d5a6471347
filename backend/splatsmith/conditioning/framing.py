"""Crop a cut-out object to a square, independent of where it lies in the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UnreadablePicture

FILL_FRACTION = 0.85  # of the square's side, covered by the object's longer side
OPAQUE_ALPHA = 128


@dataclass(frozen=True)
class Square:
    """A square crop, in pixels from the picture's upper left corner; it may reach outside."""

    x: float  # of the centre
    y: float
    side: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        half = self.side / 2
        return self.x - half, self.y - half, self.x + half, self.y + half

    def resized(self, side: float) -> Square:
        """The square of that side about the same centre."""
        return replace(self, side=side)


def bounding_square(picture: NDArray[np.uint8], fill: float = FILL_FRACTION) -> Square:
    """The square centred on the bounding box of the opaque pixels of RGBA [H, W, 4], whose longer
    side covers `fill` of the square's.

    Raises:
        UnreadablePicture: nothing in the picture is opaque.
    """
    left, top, right, bottom = opaque_box(picture)
    side = max(right - left, bottom - top) / fill
    return Square((left + right) / 2, (top + bottom) / 2, side)


def frame_cutout(
    picture: NDArray[np.uint8], size: int, fill: float = FILL_FRACTION
) -> NDArray[np.float32]:
    """Crop RGBA [H, W, 4], straight alpha, to its `bounding_square`, as [4, size, size]: RGB on
    white and alpha, -1..1.

    Raises:
        UnreadablePicture: nothing in the picture is opaque.
    """
    return crop_square(picture, bounding_square(picture, fill), size)


def crop_square(picture: NDArray[np.uint8], square: Square, size: int) -> NDArray[np.float32]:
    """A crop of RGBA [H, W, 4] as `frame_cutout` returns it."""
    return _resample(picture, square.box, size)


def opaque_box(picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the opaque pixels of RGBA [H, W, 4].

    Raises:
        UnreadablePicture: nothing is opaque.
    """
    opaque = picture[..., 3] >= OPAQUE_ALPHA
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
    """Resize `box`, which may reach outside the picture, to size x size, antialiased."""
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
