"""Users' pictures as the encoders take them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from splatsmith.engines.ln3diff.pictures import (
    CLIP_COLORS,
    framed_picture,
    published_picture,
    resize_for_encoders,
    to_pixels,
)


def bar(width: int, height: int) -> NDArray[np.uint8]:
    """An opaque red bar somewhere in a transparent picture [90, 120, 4]."""
    picture = np.zeros((90, 120, 4), np.uint8)
    picture[5 : 5 + height, 60 : 60 + width] = (200, 20, 20, 255)
    return picture


@pytest.mark.parametrize("prepare", [framed_picture, published_picture])
@pytest.mark.parametrize("size", [(40, 20), (7, 60), (1, 1)], ids=str)
def test_the_object_is_centered_and_fills_its_share(prepare: type, size: tuple[int, int]) -> None:
    pixels = to_pixels(prepare(bar(*size), 0.5))
    assert pixels.shape == (224, 224, 3)
    rows, columns = np.nonzero(pixels[..., 1] < 140)
    lengths = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert max(lengths) / 224 == pytest.approx(0.5, abs=0.04 + 1 / max(size))
    assert lengths[0] / lengths[1] == pytest.approx(size[0] / size[1], rel=0.25)
    assert abs(columns.mean() - 111.5) < 10 + 224 / max(size) / 4


def test_pictures_of_the_encoders_size_stay_as_they_are() -> None:
    picture = torch.rand(1, 3, 224, 224)
    assert resize_for_encoders(picture) is picture


@pytest.mark.parametrize("size", [100, 256, 1000])
def test_resizing_keeps_a_gradient_and_its_corners(size: int) -> None:
    across = torch.linspace(-1, 1, size)
    picture = (across + across[:, None]).expand(1, 3, -1, -1) / 2
    resized = resize_for_encoders(picture)
    expected = torch.linspace(-1, 1, 224)
    expected = (expected + expected[:, None]).expand(1, 3, -1, -1) / 2
    assert resized.shape == (1, 3, 224, 224)
    assert (resized - expected).abs().max() < 0.02


def test_a_checkerboard_finer_than_the_pixels_becomes_gray() -> None:
    board = torch.from_numpy(np.indices((1344, 1344)).sum(0) % 2 * 2.0 - 1).float()
    resized = resize_for_encoders(board.expand(1, 3, -1, -1))
    assert resized[..., 10:-10, 10:-10].abs().max() < 0.05


def test_normalized_pictures_have_the_encoder_s_mean_and_deviation() -> None:
    mean = torch.tensor(CLIP_COLORS.mean)[:, None, None] * 2 - 1
    assert CLIP_COLORS.normalize(mean[None]).abs().max() < 1e-6
    white = CLIP_COLORS.normalize(torch.ones(1, 3, 1, 1))
    assert white[0, 0, 0, 0].item() == pytest.approx((1 - 0.48145466) / 0.26862954)
