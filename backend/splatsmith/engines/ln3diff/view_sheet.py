"""A sheet of six views of an object with their depths, from which a latent is encoded.

RGBA, 6 S x 2 S pixels. Above are the views' colors (sRGB, straight alpha), below their depths as
24-bit numbers, red the highest byte; opaque. A depth is the distance from the camera along the
pixel's ray in the network's units times 2^22, or 0 where there is nothing.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.problems import InvalidRequest
from .encoder import VIEWS, encoder_views

FOCAL = 1.3889  # of a view's side
DISTANCE, ELEVATION = 1.772, 13.7  # of the cameras from the origin; degrees
DEPTH_SCALE = 2**22
_BYTES = (65536, 256, 1)  # of a depth
_REMEDY = "Give a sheet as docs/engines/ln3diff.md describes it."


def front_view(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The first view's colors, RGBA [S, S, 4].

    Raises:
        InvalidRequest: the picture has not a sheet's proportions, or shows nothing.
    """
    height, width = sheet.shape[:2]
    if height % 2 or width != VIEWS * height // 2:
        raise InvalidRequest(
            f"The sheet of views has {width} x {height} pixels, which are not six views above "
            "their depths.",
            _REMEDY,
        )
    side = height // 2
    if not sheet[side:, :, :3].any():
        raise InvalidRequest("The depths in the sheet of views are all 0.", _REMEDY)
    return sheet[:side, :side]


def read_views(sheet: NDArray[np.uint8], side: int) -> Tensor:
    """The views as the encoder takes them, [6, 10, S, S], of the side S.

    Raises:
        InvalidRequest: the sheet is of another size.
    """
    if sheet.shape[:2] != (2 * side, VIEWS * side):
        height, width = sheet.shape[:2]
        raise InvalidRequest(
            f"The sheet of views has {width} x {height} pixels instead of "
            f"{VIEWS * side} x {2 * side}.",
            _REMEDY,
        )
    tiles = torch.from_numpy(sheet.astype(np.int32)).view(2, side, VIEWS, side, 4)
    pixels, packed = tiles.permute(0, 2, 4, 1, 3)  # [6, 4, S, S] each
    alpha = pixels[:, 3:] / 255
    colors = 2 * (pixels[:, :3] / 255 * alpha + 1 - alpha) - 1
    weights = packed.new_tensor(_BYTES)[:, None, None]
    depths = (packed[:, :3] * weights).sum(1).double() / DEPTH_SCALE
    return encoder_views(colors, depths.float(), view_cameras(), FOCAL)


def view_cameras() -> Tensor:
    """[6, 4, 4] camera to the network's world (Z up), OpenCV axes: around the object, 60 degrees
    apart, from its front (-Y) over its right (+X).
    """
    elevation = math.radians(ELEVATION)
    azimuths = torch.arange(VIEWS) * (2 * math.pi / VIEWS)
    level = math.cos(elevation)
    height = torch.full_like(azimuths, math.sin(elevation))
    outward = torch.stack([level * azimuths.sin(), -level * azimuths.cos(), height], -1)
    right = torch.stack([azimuths.cos(), azimuths.sin(), torch.zeros_like(azimuths)], -1)
    down = torch.linalg.cross(-outward, right)
    c2w = torch.eye(4).repeat(VIEWS, 1, 1)
    c2w[:, :3] = torch.stack([right, down, -outward, DISTANCE * outward], -1)
    return c2w
