"""PNG files, read by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from splatsmith.extraction.png import encode_png


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([(x + y) % 256, 127 + 120 * np.sin(x / 9), y * 3 % 256], axis=2).astype(
        np.uint8
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 5), (64, 48), (700, 513)])
def test_pictures_come_back_as_they_were(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for picture in (noise, smooth(*size), np.zeros((*size, 3), np.uint8)):
        with Image.open(io.BytesIO(encode_png(picture))) as read:
            assert read.mode == "RGB"
            np.testing.assert_array_equal(np.asarray(read), picture)


def test_files_are_hardly_larger_than_pillows() -> None:
    picture = smooth(1024, 1024)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    assert len(encode_png(picture)) < 1.1 * len(file.getvalue())


def test_the_same_picture_gives_the_same_file() -> None:
    assert encode_png(smooth(600, 600)) == encode_png(smooth(600, 600))
