"""A screenshot of Blender's viewport against our rasterizer's picture for the same camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.transform import Y_UP_TO_Z_UP
from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.rasterize import rasterize

_GAP = 8  # pixels between the pictures that are saved side by side
_EDGE = 24  # pixels with round corners and buttons, which are left out


def compare(ply: Path, found: dict, picture: Path | None) -> float:
    """Decibels (PSNR) between them; both are saved side by side as `picture`."""
    screen = np.asarray(Image.open(f"{ply}.screen.png").convert("RGB"))
    x, y, width, height = found["region"]
    bottom = len(screen) - y if len(screen) > y + height else len(screen)
    drawn = screen[bottom - height : bottom, x : x + width].astype(np.float32) / 255
    red, green, blue = drawn[_EDGE, _EDGE].tolist()
    cameras = _cameras(found, width, height)
    rendering = rasterize(read_cloud(ply), cameras, background=(red, green, blue))
    expected = np.clip(rendering.colors[0], 0, 1)
    if picture is not None:
        gap = np.ones((height, _GAP, 3), np.float32)
        both = np.concatenate([drawn, gap, expected], axis=1)
        Image.fromarray(np.round(255 * both).astype(np.uint8)).save(picture)
    inside = (drawn - expected)[_EDGE:-_EDGE, _EDGE:-_EDGE]
    return float(-10 * np.log10(np.mean(inside**2)))


def _cameras(found: dict, width: int, height: int) -> Cameras:
    """Blender's view of the asset frame, in the axes of OpenCV."""
    to_blender = np.eye(4)
    to_blender[:3, :3] = Y_UP_TO_Z_UP
    viewmat = np.diag([1, -1, -1, 1]) @ np.array(found["view"]) @ to_blender
    intrinsics = _intrinsics(np.array(found["projection"]), width, height)
    return Cameras(
        viewmat[None].astype(np.float32), intrinsics[None].astype(np.float32), width, height
    )


def _intrinsics(projection: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """OpenGL's projection in pixels; the shift has the other sign, as the view looks along -Z."""
    return np.array(
        [
            [projection[0, 0] * width / 2, 0, (1 - projection[0, 2]) * width / 2],
            [0, projection[1, 1] * height / 2, (1 + projection[1, 2]) * height / 2],
            [0, 0, 1],
        ]
    )
