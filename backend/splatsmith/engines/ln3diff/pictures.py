"""Users' pictures as the image encoders take them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

ENCODER_SIZE = 224  # pixels
FOREGROUND_RATIO = 0.85  # of the square's side, as published


@dataclass(frozen=True)
class ColorStatistics:
    """Mean and standard deviation of an encoder's training pictures, 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def normalize(self, pictures: Tensor) -> Tensor:
        """[B, 3, H, W], -1..1, as the encoder takes them."""
        mean, std = (pictures.new_tensor(each)[:, None, None] for each in (self.mean, self.std))
        return ((pictures + 1) / 2 - mean) / std


CLIP_COLORS = ColorStatistics(
    (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
)
DINO_COLORS = ColorStatistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def resize_for_encoders(pictures: Tensor) -> Tensor:
    """[B, 3, S, S] to [B, 3, 224, 224]: blurred against aliasing where that is smaller, then
    bicubic with the corners aligned. Pictures of 224 pixels stay as they are.
    """
    size = pictures.shape[-1]
    if size == ENCODER_SIZE:
        return pictures
    if size > ENCODER_SIZE:
        sigma = max((size / ENCODER_SIZE - 1) / 2, 0.001)
        pictures = _gaussian_blur(pictures, sigma)
    return F.interpolate(pictures, (ENCODER_SIZE,) * 2, mode="bicubic", align_corners=True)


def _gaussian_blur(pictures: Tensor, sigma: float) -> Tensor:
    """Separable, with reflected borders; the kernel is at least 3 wide."""
    width = max(int(2 * 2 * sigma), 3) | 1
    offsets = torch.arange(width, dtype=pictures.dtype, device=pictures.device) - width // 2
    kernel = (-(offsets**2) / (2 * sigma**2)).exp()
    kernel = kernel / kernel.sum()
    channels, radius = pictures.shape[1], width // 2
    padded = F.pad(pictures, (radius,) * 4, mode="reflect")
    rows = kernel.view(1, 1, 1, -1).expand(channels, -1, -1, -1)
    blurred = F.conv2d(padded, rows, groups=channels)
    return F.conv2d(blurred, rows.transpose(2, 3), groups=channels)
