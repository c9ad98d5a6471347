"""Background removal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from splatsmith.conditioning import matting
from splatsmith.conditioning.matting import remove_background
from splatsmith.errors import UnreadablePicture, WeightsDamaged, WeightsMissing
from splatsmith.weights import bundled_file


def opaque(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([colors, np.full(colors.shape[:2], 255, np.uint8)])


def test_a_cup_is_cut_out_of_its_table() -> None:
    photo = opaque(data.coffee())

    result = remove_background(photo)

    alpha = result[..., 3]
    assert (result[..., :3] == photo[..., :3]).all()
    assert alpha[200, 300] == 255  # the cup
    assert max(alpha[5, 5], alpha[-5, 5], alpha[5, -5], alpha[-5, -5]) == 0
    assert 0.4 < (alpha > 127).mean() < 0.55


def test_edges_follow_the_picture_beyond_the_masks_resolution() -> None:
    """A black silhouette on white, larger than the network's mask; its outline is known."""
    silhouette = ~data.horse().repeat(3, axis=0).repeat(3, axis=1)
    grey = np.where(silhouette, 0, 255).astype(np.uint8)
    photo = opaque(np.dstack([grey] * 3))

    mask = remove_background(photo)[..., 3] > 127

    assert (mask & silhouette).sum() / (mask | silhouette).sum() > 0.93


def disc(shape: tuple[int, int], margin: float) -> NDArray[np.bool_]:
    """A filled ellipse that leaves `margin` of the sides free."""
    y, x = (np.linspace(-1, 1, side) / (1 - margin) for side in shape)
    return y[:, None] ** 2 + x**2 <= 1


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("opacity", [255, 120])
def test_a_cut_out_picture_is_returned_unchanged(margin: float, opacity: int) -> None:
    picture = opaque(data.coffee())
    picture[..., 3] = np.where(disc(picture.shape[:2], margin), opacity, 0)

    assert remove_background(picture) is picture


def test_an_object_that_reaches_over_one_side_is_cut_out() -> None:
    alpha = np.zeros((100, 80), np.uint8)
    alpha[20:, 20:60] = 255

    assert matting.is_cut_out(alpha)


def rounded_corners(alpha: NDArray[np.uint8]) -> None:
    corner = np.hypot(*np.ogrid[24:0:-1, 24:0:-1]) > 24
    for mirrored in (alpha, alpha[::-1], alpha[:, ::-1], alpha[::-1, ::-1]):
        mirrored[:24, :24][corner] = 0


def one_pixel(alpha: NDArray[np.uint8]) -> None:
    alpha[0, 0] = 254


def alike(alpha: NDArray[np.uint8]) -> None:
    alpha[:] = 100


def thin_frame(alpha: NDArray[np.uint8]) -> None:
    alpha[:] = np.pad(alpha[1:-1, 1:-1], 1)


def strip(alpha: NDArray[np.uint8]) -> None:
    alpha[:80] = 0


@pytest.mark.parametrize("changed", [rounded_corners, one_pixel, alike, thin_frame, strip])
def test_where_alpha_cuts_nothing_out_the_background_goes(
    changed: Callable[[NDArray[np.uint8]], None],
) -> None:
    photo = opaque(data.coffee())
    changed(photo[..., 3])

    alpha = remove_background(photo)[..., 3]

    assert alpha[200, 300] == 255  # the cup
    assert max(alpha[5, 5], alpha[-5, 5], alpha[5, -5], alpha[-5, -5]) == 0
    assert 0.3 < (alpha > 127).mean() < 0.6


def test_a_picture_without_an_object_is_refused() -> None:
    meadow = np.dstack([data.grass()] * 3)

    with pytest.raises(UnreadablePicture, match="No object was found"):
        remove_background(opaque(meadow))


def test_a_missing_or_damaged_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / matting.U2NETP.files[0].path
    with pytest.raises(WeightsMissing):
        bundled_file(tmp_path, matting.U2NETP)
    path.parent.mkdir()
    path.write_bytes(bytes(matting.U2NETP.size_bytes))

    with pytest.raises(WeightsDamaged, match="not the file its card names"):
        bundled_file(tmp_path, matting.U2NETP)
