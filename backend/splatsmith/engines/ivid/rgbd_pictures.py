"""A picture and its depth map as the first view."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...contract.cards import ConditionKind
from ...contract.problems import InvalidRequest
from .cameras import FRONT
from .card import FARTHER, UNSPECIFIED, Settings
from .depth_code import encode_depth
from .view_chain import RgbdView

Bytes = NDArray[np.uint8]


def view_of_picture(
    pictures: Mapping[ConditionKind, Bytes], settings: Settings, size: int
) -> RgbdView:
    """The middle square of a picture with a depth map, at `size` pixels.

    Raises:
        InvalidRequest: the map has another size, or it is not said what its values mean.
    """
    picture, depths = pictures[ConditionKind.IMAGE], pictures[ConditionKind.DEPTH]
    _check(picture, depths, settings)
    values = _square(depths[..., 0], size, Image.Resampling.NEAREST) / 255.0
    share = values if settings.depth_values == FARTHER else 1 - values
    distances = settings.depth_near + (settings.depth_far - settings.depth_near) * share
    opaque = Image.new("RGBA", picture.shape[1::-1], "white")
    opaque.alpha_composite(Image.fromarray(picture))
    colors = _square(np.asarray(opaque.convert("RGB")), size, Image.Resampling.LANCZOS) / 255.0
    return RgbdView(FRONT, colors.astype(np.float32), encode_depth(distances).astype(np.float32))


def _check(picture: Bytes, depths: Bytes, settings: Settings) -> None:
    if depths.shape[:2] != picture.shape[:2]:
        raise InvalidRequest(
            f"The depth map has {depths.shape[1]} x {depths.shape[0]} pixels, the picture "
            f"{picture.shape[1]} x {picture.shape[0]}.",
            "Give a map of the picture's size.",
        )
    if settings.depth_values == UNSPECIFIED:
        raise InvalidRequest(
            "It is not said whether larger values of the depth map are farther or nearer.",
            "Set depth_values to farther or nearer.",
        )
    if settings.depth_far <= settings.depth_near:
        raise InvalidRequest(
            f"depth_far is {settings.depth_far:g}, not beyond depth_near, {settings.depth_near:g}.",
            "Make it larger.",
        )
    if np.ptp(depths[..., 0]) == 0:
        raise InvalidRequest("The depth map is of one value.", "Give one that shows depths.")


def _square(pixels: Bytes, size: int, filter: Image.Resampling) -> NDArray[np.float64]:
    """The middle square, resized."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = Image.fromarray(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
    return np.asarray(image.resize((size, size), filter), np.float64)
