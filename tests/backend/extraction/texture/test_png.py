"""PNG files as other programs read them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from splatsmith.extraction.texture.png import encode_png


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (128, 16), (129, 16), (500, 300)])
def test_pictures_are_read_back(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    picture[: shape[0] // 2] = picture[0, 0]
    with Image.open(io.BytesIO(encode_png(picture))) as read:
        assert read.format == "PNG"
        assert read.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(read), picture)
