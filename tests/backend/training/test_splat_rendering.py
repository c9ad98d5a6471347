"""Losses on rendered images."""

from __future__ import annotations

import pytest
import torch

from splatsmith.nn.efficientnet import EfficientNetLite
from training.splat_rendering import RenderedImages, perceptual_loss, silhouette_loss


def test_silhouette_loss_is_one_minus_soft_iou() -> None:
    half = torch.zeros(1, 1, 8, 8)
    half[..., :4] = 1
    rgba = torch.zeros(1, 1, 4, 8, 8)
    rgba[:, :, 3] = half
    losses = [
        silhouette_loss(RenderedImages(torch.zeros(1, 1, 3, 8, 8), alpha, alpha), rgba).item()
        for alpha in (half, torch.ones_like(half), 1 - half, half / 2)
    ]
    assert losses == pytest.approx([0, 0.5, 1, 0.5])


def test_perceptual_loss_of_equal_images_is_zero() -> None:
    torch.manual_seed(0)
    rgba = torch.rand(1, 2, 4, 32, 32)
    rgba[:, :, :3] *= rgba[:, :, 3:]
    white, classifier = torch.ones(1, 1, 3, 1, 1), EfficientNetLite()
    same = RenderedImages(rgba[:, :, :3], rgba[:, :, 3], rgba[:, :, 3])
    other = RenderedImages(same.rgb.flip(-1), same.alpha.flip(-1), same.depth)
    assert perceptual_loss(classifier, same, rgba, white).item() == pytest.approx(0, abs=1e-6)
    assert perceptual_loss(classifier, other, rgba, white).item() > 1e-3
