"""Users' pictures as the image encoders take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ...conditioning.framing import frame_cutout
from ...errors import UnreadablePicture

Pixels = NDArray[np.uint8]

ENCODER_SIZE = 224  # pixels


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


def framed_picture(picture: Pixels, foreground_ratio: float) -> Tensor:
    """A cut-out object [H, W, 4] on white, centered, as [1, 3, 224, 224], -1..1.

    Raises:
        UnreadablePicture: nothing in the picture is opaque.
    """
    return torch.from_numpy(frame_cutout(picture, ENCODER_SIZE, foreground_ratio)[None, :3])


def published_picture(picture: Pixels, foreground_ratio: float) -> Tensor:
    """The same as the published web page prepares it: whole pixels, and rounding towards 0.

    Raises:
        UnreadablePicture: the picture is transparent everywhere.
    """
    rows, columns = np.nonzero(picture[..., 3])
    if not len(rows):
        raise UnreadablePicture(
            "The picture shows nothing: it is transparent everywhere.",
            "Choose a picture that shows an object.",
        )
    subject = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    square = _padded(subject, max(subject.shape[:2]))
    framed = _padded(square, int(len(square) / foreground_ratio))
    color, alpha = framed[..., :3] / 255, framed[..., 3:] / 255
    on_white = (255 * (color * alpha + 1 - alpha)).astype(np.uint8)
    size = (ENCODER_SIZE, ENCODER_SIZE)
    resized = Image.fromarray(on_white).resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(resized, np.float32) / 127.5 - 1
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def to_pixels(picture: Tensor) -> Pixels:
    """[1, 3, H, W], -1..1, as [H, W, 3]."""
    return (127.5 * (picture[0] + 1)).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def _padded(picture: Pixels, side: int) -> Pixels:
    """[H, W, 4] in the middle of a transparent square [side, side, 4]."""
    height, width = picture.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    around = ((top, side - height - top), (left, side - width - left), (0, 0))
    return np.pad(picture, around)


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
