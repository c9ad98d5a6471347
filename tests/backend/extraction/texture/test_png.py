"""PNG files, read back by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from splatsmith.extraction.texture.png import encode_png


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (128, 16), (129, 16), (500, 300)])
def test_pictures_are_read_back(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    image[: shape[0] // 2] = image[0, 0]
    with Image.open(io.BytesIO(encode_png(image))) as read:
        assert read.format == "PNG"
        assert read.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(read), image)
