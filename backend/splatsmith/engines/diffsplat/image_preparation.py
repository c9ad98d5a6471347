"""Pictures and control maps as the networks take them: square, on white.

A picture is prepared in one of two ways. "fine" uses the matte at the picture's own resolution
and keeps partial transparency. "published" reproduces the published program: the picture is
downscaled first, matted with red and blue swapped, and cropped to any non-zero alpha, without the
last row and column.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...conditioning.framing import frame_cutout
from ...conditioning.matting import coarse_mask, remove_background
from ...contract.cards import ConditionKind
from ...errors import UnreadablePicture

BORDER_FRACTION = 0.2  # of the square's side, beside the object's longer side
CANNY_THRESHOLDS = (100, 200)  # of the hysteresis, as in training

MattingFunction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A picture [H, W, 3] to the object's alpha [H, W]."""


def prepare_picture(cutout: NDArray[np.uint8], size: int, preparation: str) -> Tensor:
    """RGBA [H, W, 4], with colours also where it is transparent, to [1, 3, size, size], 0..1.

    preparation: "fine" or "published".

    Raises:
        UnreadablePicture: there is no object in it.
    """
    if preparation == "published":
        return prepare_as_published(cutout, size, _published_matting)
    return prepare_fine(cutout, size)


def prepare_fine(cutout: NDArray[np.uint8], size: int) -> Tensor:
    """RGBA [H, W, 4] without background to [1, 3, size, size], 0..1.

    Raises:
        UnreadablePicture: nothing in it is opaque.
    """
    framed = frame_cutout(cutout, size, fill=1 - BORDER_FRACTION)
    return torch.from_numpy(framed[None, :3] / 2 + 0.5)


def prepare_as_published(picture: NDArray[np.uint8], size: int, matting: MattingFunction) -> Tensor:
    """RGB(A) [H, W, 3 or 4], with its background, to [1, 3, size, size], 0..1.

    Raises:
        UnreadablePicture: the matte is empty.
    """
    small = downscale(picture[..., :3], size)
    alpha = matting(np.ascontiguousarray(small[..., ::-1]))
    return composite_on_white(center_object(np.dstack([small, alpha]), size, BORDER_FRACTION), size)


def prepare_map(kind: ConditionKind, picture: NDArray[np.uint8], size: int) -> Tensor:
    """A control map, RGBA [H, W, 4], to [1, 3, size, size], 0..1.

    Depth maps (1 - depth / maximum) and normal maps are only padded to a square with white; for
    CANNY the edges of the picture's object are detected.

    Raises:
        UnreadablePicture: no object was found for its edges.
    """
    if kind is ConditionKind.CANNY:
        return detect_edges(prepare_fine(remove_background(picture), size))
    return composite_on_white(_pad_to_square(picture), size)


def detect_edges(picture: Tensor) -> Tensor:
    """RGB [1, 3, H, W] in 0..1 to its edges, black on white [1, 3, H, W] (Canny 1986)."""
    colors = (picture[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    edges = cv2.Canny(cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY), *CANNY_THRESHOLDS)
    return 1 - torch.from_numpy(edges).float().expand(1, 3, -1, -1) / 255


def downscale(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """To `size` pixels along the longer side."""
    scale = size / max(picture.shape[:2])
    height, width = (max(1, int(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def center_object(rgba: NDArray[np.uint8], size: int, border: float) -> NDArray[np.uint8]:
    """RGBA [size, size, 4] with the object scaled and centred, transparent around it.

    Raises:
        UnreadablePicture: all of it is transparent.
    """
    rows, columns = np.nonzero(rgba[..., 3])
    if not len(rows) or np.ptp(rows) < 1 or np.ptp(columns) < 1:
        raise UnreadablePicture(
            "No object was found in the picture.", "Use one that shows a single object clearly."
        )
    crop = rgba[rows.min() : rows.max(), columns.min() : columns.max()]
    scale = int(size * (1 - border)) / max(crop.shape[:2])
    height, width = (max(1, int(side * scale)) for side in crop.shape[:2])
    top, left = (size - height) // 2, (size - width) // 2
    square = np.zeros((size, size, 4), np.uint8)
    square[top : top + height, left : left + width] = cv2.resize(
        crop, (width, height), interpolation=cv2.INTER_AREA
    )
    return square


def composite_on_white(rgba: NDArray[np.uint8], size: int) -> Tensor:
    """RGBA [H, W, 4] to RGB [1, 3, size, size], 0..1."""
    values = torch.from_numpy(rgba).permute(2, 0, 1)[None].float() / 255
    color, alpha = values[:, :3], values[:, 3:]
    return F.interpolate(
        color * alpha + (1 - alpha),
        (size, size),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )


def gaussian_blob(size: int, std: float, background: float) -> Tensor:
    """A dark Gaussian blob in the middle of white, RGB [1, 3, size, size], 0..1 (Instant3D, Li et
    al. 2023, A.5).

    Args:
        std: standard deviation, as a fraction of the side.
        background: darkness of the background, 0 (white) .. 1.
    """
    fine = 2 * size  # rendered at twice the size and averaged, as in the published program
    offset = torch.arange(fine) - fine // 2
    profile = torch.exp(-offset.square() / (2 * (std * fine) ** 2))
    darkness = (profile[:, None] * profile + background).clamp(0, 1)
    return 1 - F.avg_pool2d(darkness[None, None], 2).expand(1, 3, -1, -1)


def control_views(control: Tensor, views: int) -> Tensor:
    """The front view's map [1, 3, H, W] for all views [V, 3, H, W]: the others are white."""
    return torch.cat([control, torch.ones_like(control).repeat(views - 1, 1, 1, 1)])


def _pad_to_square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With transparent borders."""
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 4), np.uint8)
    square[top : top + height, left : left + width] = picture
    return square


def _published_matting(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The network's mask, normalised to the full range."""
    mask = coarse_mask(picture)
    value_range = float(np.ptp(mask)) or 1.0
    return ((mask - mask.min()) / value_range * 255).astype(np.uint8)
