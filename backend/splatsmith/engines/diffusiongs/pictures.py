"""Users' pictures as the network's clean views."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...conditioning.framing import bounding_square, crop_square, opaque_box
from ...contract.problems import InvalidRequest
from ...errors import UnreadablePicture

Pixels = NDArray[np.uint8]

MAX_ASPECT = 2.5  # of a scene's picture, of which only the middle square is seen
WHITE = (255, 255, 255)


def framed_views(pictures: list[Pixels], size: int, foreground_ratio: float) -> Tensor:
    """Cut-out objects [H, W, 4] on white as views [K, 3, size, size], 0..1.

    The first is centred, its longer side takes `foreground_ratio` of the view. In the others the
    object is as high as in the first, as the same object would be.

    Raises:
        UnreadablePicture: nothing in a picture is opaque.
    """
    front = bounding_square(pictures[0], foreground_ratio)
    _, top, _, bottom = opaque_box(pictures[0])
    height = (bottom - top) / front.side
    views = [crop_square(pictures[0], front, size)]
    for picture in pictures[1:]:
        _, top, _, bottom = opaque_box(picture)
        square = bounding_square(picture, foreground_ratio)
        side = max(square.side, (bottom - top) / height)
        views.append(crop_square(picture, square.resized(side), size))
    return torch.from_numpy(np.stack(views))[:, :3] / 2 + 0.5


def published_views(pictures: list[Pixels], size: int, foreground_ratio: float) -> Tensor:
    """The same as the published program prepares them, each picture by itself."""
    squares = [published_picture(picture, foreground_ratio) for picture in pictures]
    return torch.from_numpy(np.stack([resize_bilinear(square, size) for square in squares]))


def published_picture(picture: Pixels, foreground_ratio: float) -> Pixels:
    """A cut-out object on a white square [S, S, 3], as the published program frames it.

    The object takes `foreground_ratio` of the picture's own height or width, and S is the longer of
    these.

    Raises:
        UnreadablePicture: the picture is transparent everywhere.
    """
    image = Image.fromarray(picture, "RGBA")
    box = image.getchannel("A").getbbox()
    if box is None:
        raise UnreadablePicture(
            "The picture shows nothing: it is transparent everywhere.",
            "Choose a picture that shows an object.",
        )
    left, top, right, bottom = box
    width, height = image.size
    scale = min(
        height * foreground_ratio / (bottom - top), width * foreground_ratio / (right - left)
    )
    size = max(1, int((right - left) * scale)), max(1, int((bottom - top) * scale))
    white = Image.new("RGBA", image.size, (*WHITE, 255))
    subject = Image.alpha_composite(white, image).crop(box).resize(size)
    centered = _pasted_on_white(subject, image.size)
    return np.asarray(_pasted_on_white(centered, (max(width, height), max(width, height))))


def resize_bilinear(pixels: Pixels, size: int) -> NDArray[np.float32]:
    """[S, S, 3] to [3, size, size], 0..1; not antialiased, as in the published program."""
    image = torch.from_numpy(pixels / 255).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        image, (size, size), mode="bilinear", align_corners=False
    )
    return resized[0].float().numpy()


def scene_view(picture: Pixels, size: int) -> Tensor:
    """The middle square of a place's picture [H, W, 4], on white, as a view [1, 3, size, size].

    Raises:
        InvalidRequest: the picture is too long for its middle to stand for it.
    """
    height, width = picture.shape[:2]
    aspect = max(height, width) / min(height, width)
    if aspect > MAX_ASPECT:
        longer, other = ("wide", "high") if width > height else ("high", "wide")
        raise InvalidRequest(
            f"The picture is {aspect:.1f} times as {longer} as {other}, and only its middle square "
            "would be seen.",
            "Crop it to the part that matters.",
        )
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(picture, "RGBA").crop((left, top, left + side, top + side))
    opaque = Image.alpha_composite(Image.new("RGBA", image.size, (*WHITE, 255)), image)
    resized = opaque.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(resized, np.float32) / 255).permute(2, 0, 1)[None]


def _pasted_on_white(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("RGB", size, WHITE)
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas
