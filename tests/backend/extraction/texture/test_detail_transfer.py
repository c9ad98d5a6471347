"""Detail transfer between images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from splatsmith.extraction.texture.detail_transfer import sample_step, transfer_detail


def test_detail_is_kept_at_the_level_of_the_base() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = 40
    base = np.full((32, 32, 3), 120, np.uint8)
    both = np.full((32, 32), 3, np.uint8)
    transferred = transfer_detail(stripes, base, both, 2).astype(int)
    inner = transferred[4:-4, 4:-4]
    assert (np.abs(np.diff(inner, axis=1)) > 30).all()
    assert abs(inner.mean() - 120) < 4


def test_only_known_colours_are_taken() -> None:
    detail, base = np.full((8, 8, 3), 10, np.uint8), np.full((8, 8, 3), 200, np.uint8)
    known = np.ones((8, 8), np.uint8)
    known[:, 4:] = 2
    transferred = transfer_detail(detail, base, known, 2)
    assert (transferred[:, :4] == 10).all()
    assert (transferred[:, 4:] == 200).all()


@pytest.mark.parametrize("blur", [2, 3, 4, 8])
def test_base_colours_are_needed_at_the_lattice_alone(blur: int) -> None:
    y, x = np.mgrid[:64, :64]
    detail = np.stack([100 + 20 * (x % 2), x, y], axis=2).astype(np.uint8)
    base = np.stack([100 + x // 2, x + 9, 2 * y], axis=2).astype(np.uint8)
    every = np.full((64, 64), 3, np.uint8)
    known = np.where((x % sample_step(blur) == 0) & (y % sample_step(blur) == 0), 3, 1)
    sparse_base = np.where(known[..., None] == 3, base, 0).astype(np.uint8)
    np.testing.assert_array_equal(
        transfer_detail(detail, base, every, blur),
        transfer_detail(detail, sparse_base, known.astype(np.uint8), blur),
    )
    errors = base.astype(float) - detail
    mean = np.stack(
        [uniform_filter(gap, 2 * blur + 1) for gap in np.moveaxis(errors, 2, 0)], axis=2
    )
    plain = np.clip(np.round(detail + mean), 0, 255)
    inner = np.s_[blur:-blur, blur:-blur]
    difference = np.abs(transfer_detail(detail, base, every, blur).astype(float) - plain)[inner]
    assert np.percentile(difference, 90) <= 5


def test_blurred_edges_do_not_bleed_into_texels() -> None:
    """Along an edge a blurred base is too dark on one side and too bright on the other."""
    detail = np.full((64, 64, 3), 250, np.uint8)
    detail[:, 32:] = 10
    channels = np.moveaxis(detail.astype(float), 2, 0)
    base = np.stack([uniform_filter(channel, 5) for channel in channels], axis=2)
    both = np.full((64, 64), 3, np.uint8)
    transferred = transfer_detail(detail, base.round().astype(np.uint8), both, 1).astype(int)
    assert np.abs(transferred - detail).max() <= 24
