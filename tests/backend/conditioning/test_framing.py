"""Cropping a cut-out to a square around its object."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from splatsmith.conditioning.framing import bounding_square, frame_cutout
from splatsmith.errors import UnreadablePicture

HEIGHT, WIDTH = 70, 110
OBJECT_HEIGHT, OBJECT_WIDTH = 30, 20
MIDDLE = (20, 45)  # where a crop with a large border stays inside the picture
TOUCHING = {  # one side of the picture each; the crop reaches outside there alone
    "top": (0, 45),
    "bottom": (HEIGHT - OBJECT_HEIGHT, 45),
    "left": (20, 0),
    "right": (20, WIDTH - OBJECT_WIDTH),
}


def picture_with_object(top: int, left: int) -> NDArray[np.uint8]:
    """RGBA [70, 110, 4], transparent but for a rectangle with a different colour at each pixel."""
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rows, columns = np.indices((OBJECT_HEIGHT, OBJECT_WIDTH))
    content = np.stack([8 * rows, 12 * columns, rows + columns, np.full_like(rows, 255)], axis=2)
    picture[top : top + OBJECT_HEIGHT, left : left + OBJECT_WIDTH] = content
    return picture


@pytest.mark.parametrize("side", TOUCHING)
def test_an_object_at_a_side_is_framed_as_in_the_middle(side: str) -> None:
    expected = frame_cutout(picture_with_object(*MIDDLE), 64)
    framed = frame_cutout(picture_with_object(*TOUCHING[side]), 64)
    assert np.allclose(framed, expected, atol=0.02)


def test_the_longer_side_covers_the_given_fraction() -> None:
    framed = frame_cutout(picture_with_object(*MIDDLE), 100, fill=0.6)
    rows, columns = np.nonzero(framed[3] > 0)
    assert np.ptp(rows) + 1 == 60
    assert np.ptp(columns) + 1 == 40
    assert (rows.min() + rows.max()) / 2 == (columns.min() + columns.max()) / 2 == 49.5


def test_transparent_pixels_are_white() -> None:
    framed = frame_cutout(picture_with_object(*MIDDLE), 64)
    outside = framed[3] == -1
    assert outside.any()
    assert (framed[:3, outside] == 1).all()


def test_the_square_is_centred_on_the_object() -> None:
    square = bounding_square(picture_with_object(*TOUCHING["bottom"]), fill=0.5)
    assert (square.x, square.y, square.side) == (55, 55, 60)
    assert square.box == (25, 25, 85, 85)


def test_a_transparent_picture_is_refused() -> None:
    with pytest.raises(UnreadablePicture, match="transparent everywhere"):
        frame_cutout(np.zeros((8, 8, 4), np.uint8), 64)
