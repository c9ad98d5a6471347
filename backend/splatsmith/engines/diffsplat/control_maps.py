"""Depth, normal and edge maps as a ControlNet is shown them: seen by the front camera, on white."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...conditioning.matting import remove_background
from ...contract.cards import ConditionKind
from .image_preparation import on_white, show_fine

EDGE_THRESHOLDS = (100, 200)  # of Canny's hysteresis, as in training


def show_map(kind: ConditionKind, picture: NDArray[np.uint8], size: int) -> Tensor:
    """RGBA [H, W, 4] to [1, 3, size, size], 0..1.

    Depth maps (1 - depth / largest) and normal maps are taken as they are, made square with white.
    Of any other picture the object's edges are found.

    Raises:
        UnreadablePicture: no object was found whose edges could be.
    """
    if kind is ConditionKind.CANNY:
        return find_edges(show_fine(remove_background(picture), size))
    return on_white(_square(picture), size)


def find_edges(picture: Tensor) -> Tensor:
    """RGB [1, 3, H, W] in 0..1 to its edges, black on white [1, 3, H, W] (Canny 1986)."""
    colors = (picture[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    edges = cv2.Canny(cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY), *EDGE_THRESHOLDS)
    return 1 - torch.from_numpy(edges).float().expand(1, 3, -1, -1) / 255


def _square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Transparent at the shorter sides."""
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 4), np.uint8)
    square[top : top + height, left : left + width] = picture
    return square
