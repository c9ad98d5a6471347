"""A picture as the networks are shown it: the object centred on white.

Two ways. "fine" keeps what the picture has: the background was removed at the picture's own size,
and partly transparent edges stay so. "published" repeats the published program, for comparing
with it: the picture is shrunk first, its background is removed with red and blue exchanged, and
whatever has any opacity at all counts as the object, but for its last row and column.
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
from ...conditioning.matting import coarse_mask
from ...errors import UnreadablePicture

BORDER = 0.2  # of the square's side is left free by the object's longer side

Matte = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A picture [H, W, 3] to the object's alpha [H, W]."""


def show_picture(cutout: NDArray[np.uint8], size: int, preparation: str) -> Tensor:
    """RGBA [H, W, 4], its colours whole and its background transparent, to [1, 3, size, size] in
    0..1; `preparation` is "fine" or "published".

    Raises:
        UnreadablePicture: there is no object in it.
    """
    if preparation == "published":
        return show_published(cutout, size, _published_matte)
    return show_fine(cutout, size)


def show_fine(cutout: NDArray[np.uint8], size: int) -> Tensor:
    """RGBA [H, W, 4] without background to [1, 3, size, size], 0..1.

    Raises:
        UnreadablePicture: nothing in it is opaque.
    """
    framed = frame_cutout(cutout, size, fill=1 - BORDER)
    return torch.from_numpy(framed[None, :3] / 2 + 0.5)


def show_published(picture: NDArray[np.uint8], size: int, matte: Matte) -> Tensor:
    """RGB(A) [H, W, 3 or 4], with its background, to [1, 3, size, size], 0..1.

    Raises:
        UnreadablePicture: nothing in it is taken for an object.
    """
    small = shrink_picture(picture[..., :3], size)
    alpha = matte(np.ascontiguousarray(small[..., ::-1]))
    return on_white(center_object(np.dstack([small, alpha]), size, BORDER), size)


def shrink_picture(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """To `size` pixels along the longer side."""
    scale = size / max(picture.shape[:2])
    height, width = (max(1, int(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def center_object(rgba: NDArray[np.uint8], size: int, border: float) -> NDArray[np.uint8]:
    """RGBA [size, size, 4], the object in the middle, transparent around.

    Raises:
        UnreadablePicture: nothing in it has any opacity.
    """
    rows, columns = np.nonzero(rgba[..., 3])
    if not len(rows) or np.ptp(rows) < 1 or np.ptp(columns) < 1:
        raise UnreadablePicture(
            "No object was found in the picture.", "Use one that shows a single object clearly."
        )
    part = rgba[rows.min() : rows.max(), columns.min() : columns.max()]
    scale = int(size * (1 - border)) / max(part.shape[:2])
    height, width = (max(1, int(side * scale)) for side in part.shape[:2])
    top, left = (size - height) // 2, (size - width) // 2
    square = np.zeros((size, size, 4), np.uint8)
    square[top : top + height, left : left + width] = cv2.resize(
        part, (width, height), interpolation=cv2.INTER_AREA
    )
    return square


def on_white(rgba: NDArray[np.uint8], size: int) -> Tensor:
    """RGBA [H, W, 4] to RGB over white [1, 3, size, size], 0..1."""
    values = torch.from_numpy(rgba).permute(2, 0, 1)[None].float() / 255
    color, alpha = values[:, :3], values[:, 3:]
    return F.interpolate(
        color * alpha + (1 - alpha),
        (size, size),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )


def show_control(picture: Tensor, views: int) -> Tensor:
    """A map seen by the front camera [1, 3, H, W] for all views [V, 3, H, W]: the others white."""
    return torch.cat([picture, torch.ones_like(picture).repeat(views - 1, 1, 1, 1)])


def _published_matte(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The network's answer, stretched to its full range."""
    mask = coarse_mask(picture)
    spread = float(np.ptp(mask)) or 1.0
    return ((mask - mask.min()) / spread * 255).astype(np.uint8)
