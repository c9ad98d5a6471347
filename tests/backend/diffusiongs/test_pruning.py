"""Which Gaussians are kept."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.diffusiongs.pruning import (
    image_psnr,
    keep_most_visible,
    select,
    visible,
    within_box,
    within_distance,
)
from splatsmith.gaussians.gaussian_batch import GaussianBatch


def gaussians(opacities: list[float], sizes: list[float], x: list[float]) -> GaussianBatch:
    count = len(opacities)
    means = torch.zeros(1, count, 3)
    means[0, :, 0] = torch.tensor(x)
    return GaussianBatch(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).expand(1, count, 4),
        scales=torch.tensor(sizes)[None, :, None].expand(1, count, 3),
        opacities=torch.tensor(opacities)[None],
        colors=torch.zeros(1, count, 3),
    )


CLOUD = gaussians([0.9, 0.1, 0.5, 0.02], [0.1, 0.5, 0.01, 0.1], [0.0, 0.5, 1.0, -2.0])


def test_faint_and_distant_gaussians_are_left_out() -> None:
    assert visible(CLOUD, 0.02).tolist() == [True, True, True, False]
    assert within_box(CLOUD, 0.91).tolist() == [True, True, False, False]
    far = within_distance(CLOUD, torch.tensor([-2.0, 0, 0]), 2.1)
    assert far.tolist() == [True, False, False, True]
    kept = select(CLOUD, visible(CLOUD, 0.02) & within_box(CLOUD, 0.91))
    assert kept.opacities.tolist() == [[pytest.approx(0.9), pytest.approx(0.1)]]


def test_the_most_visible_are_kept_in_their_order() -> None:
    # Opacity times area: 0.009, 0.025, 0.00005, 0.0002.
    assert keep_most_visible(CLOUD, 1).opacities.tolist() == [[pytest.approx(0.1)]]
    kept = keep_most_visible(CLOUD, 3).opacities[0].tolist()
    assert kept == pytest.approx([0.9, 0.1, 0.02])


def test_the_difference_of_images_is_measured_in_decibels() -> None:
    image = torch.full((4, 3, 8, 8), 0.5)
    assert image_psnr(image, image) == 100
    assert image_psnr(image, image + 0.1) == pytest.approx(20, abs=1e-3)
    assert image_psnr(image + 1, image + 2) == 100  # both are white
