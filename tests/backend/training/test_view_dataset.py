"""Training samples of rendered views: framing, augmentation, forms, synthetic objects."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from training.objects import ObjectRecord
from training.view_dataset import (
    FILL,
    FramedPictures,
    ViewDataset,
    augment_pictures,
    frame_pictures,
    mean_colors,
)

CHAIR = ObjectRecord(
    "id", "shard", "old chair", "a brown old chair", (), "furniture", "s", "c", "CC0-1.0", "g"
)


def test_augmentation_changes_some_pictures_and_keeps_the_range() -> None:
    torch.manual_seed(0)
    pictures = torch.ones(16, 4, 128, 128)
    pictures[:, :, 40:90, 40:90] = 0.2
    framed = FramedPictures(pictures, torch.zeros(16, 3))
    augmented = augment_pictures(framed)
    assert augmented.pictures.shape == pictures.shape
    assert augmented.pictures.min() >= -1
    assert augmented.pictures.max() <= 1
    changed = (augmented.pictures != pictures).flatten(1).any(1)
    assert 0 < changed.sum() < 16
    assert torch.equal((augmented.frames != framed.frames).any(1), changed)


def square_view(left: int, top: int, side: int) -> torch.Tensor:
    """[1, 4, 128, 128], premultiplied."""
    view = torch.zeros(1, 4, 128, 128)
    view[:, :, top : top + side, left : left + side] = 1
    return view


def test_frame_is_the_crop_of_the_object() -> None:
    framed = frame_pictures(square_view(20, 60, 34))
    x, y, log_side = framed.frames[0].tolist()
    assert (64 + 64 * x, 64 + 64 * y) == pytest.approx((20 + 17, 60 + 17))
    assert 128 * math.exp(log_side) == pytest.approx(34 / FILL)


def test_frame_of_an_augmented_picture_is_its_crop() -> None:
    """Cropping the view by the frame gives the picture."""
    torch.manual_seed(0)
    view = square_view(20, 60, 34)
    framed = frame_pictures(view.expand(8, -1, -1, -1))
    augmented = augment_pictures(framed)
    reframed = (augmented.frames != framed.frames).any(1)
    for frame, picture in zip(
        augmented.frames[reframed], augmented.pictures[reframed], strict=True
    ):
        x, y, side = frame[0], frame[1], frame[2].exp()
        theta = torch.tensor([[[side, 0, x], [0, side, y]]])
        grid = F.affine_grid(theta, [1, 1, 128, 128], align_corners=False)
        cropped = F.grid_sample(view[:, 3:], grid, align_corners=False)[0, 0]
        assert (cropped - (picture[3] / 2 + 0.5)).abs().mean() < 0.02
    assert reframed.any()


def test_mean_colors_ignore_the_background() -> None:
    views = torch.zeros(2, 32, 128, 128, 4, dtype=torch.uint8)
    views[:, :, :64] = torch.tensor([100, 50, 0, 200], dtype=torch.uint8)
    assert torch.allclose(mean_colors(views), torch.tensor([0.5, 0.25, 0.0]))


def dataset(forms: int, synthetic: int) -> ViewDataset:
    """Two objects in several forms and synthetic ones, without views."""
    rows = 2 * forms + synthetic
    empty = torch.zeros(rows, 1)
    return ViewDataset([CHAIR, CHAIR], forms, empty, empty, empty, empty, empty)


def test_unrotated_forms_are_the_even_ones() -> None:
    torch.manual_seed(0)
    objects = torch.arange(2).repeat(200)
    views = dataset(4, 3)
    forms, unrotated = views.random_forms(objects), views.random_unrotated_forms(objects)
    assert (forms % 2 == objects).all()
    assert set((forms // 2).tolist()) == {0, 1, 2, 3}
    assert set((unrotated // 2).tolist()) == {0, 2}


def test_synthetic_objects_replace_the_given_share() -> None:
    torch.manual_seed(0)
    views = dataset(2, 5)
    mixed = views.mix_in_synthetic(torch.zeros(4000, dtype=torch.long), 0.25)
    synthetic = views.is_synthetic(mixed)
    assert 0.2 < synthetic.float().mean() < 0.3
    assert set(mixed[synthetic].tolist()) == {4, 5, 6, 7, 8}
    assert torch.equal(dataset(2, 0).mix_in_synthetic(mixed, 1.0), mixed)
