"""Background removal."""

from __future__ import annotations

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


def test_a_picture_with_transparency_is_returned_unchanged() -> None:
    picture = opaque(data.coffee())
    picture[0, 0, 3] = 254

    assert remove_background(picture) is picture


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
