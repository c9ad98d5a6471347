"""Pictures of a cloud for people: a still and a turntable, filled by the object, on soft grey."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from .bounds import bounding_sphere, to_unit_sphere
from .cameras import Cameras, orbit
from .rasterize import rasterize

STILL_SIZE = 512
TURNTABLE_SIZE = 320
_STILL_AZIMUTH = -30.0  # from the front, a little to the object's right: shows its depth
_LEAST_ELEVATION = 15.0
_FILL = 0.96  # of the picture, by the bounding sphere
_TOP, _BOTTOM = 0.98, 0.86  # greys of the background, sRGB


class Viewpoint(Protocol):
    """How the object was pictured: degrees; `fov` is vertical."""

    @property
    def elevation(self) -> float: ...

    @property
    def fov(self) -> float: ...


def render_preview(cloud: GaussianCloud, viewpoint: Viewpoint, device: str) -> NDArray[np.uint8]:
    """A picture [512, 512, 3] from the front, a little aside; plain grey for an invisible cloud."""
    (picture,) = _render(cloud, viewpoint, [_STILL_AZIMUTH], STILL_SIZE, device)
    return picture


def render_turntable(
    cloud: GaussianCloud, viewpoint: Viewpoint, device: str, frames: int
) -> list[NDArray[np.uint8]]:
    """One full turn, `frames` pictures [320, 320, 3], starting as `render_preview` does."""
    azimuths = [_STILL_AZIMUTH + 360 * i / frames for i in range(frames)]
    return _render(cloud, viewpoint, azimuths, TURNTABLE_SIZE, device)


def _render(
    cloud: GaussianCloud, viewpoint: Viewpoint, azimuths: list[float], size: int, device: str
) -> list[NDArray[np.uint8]]:
    background = np.linspace(_TOP, _BOTTOM, size, dtype=np.float32)[:, None, None]
    try:
        unit = to_unit_sphere(cloud, bounding_sphere(cloud))
    except ValueError:  # nothing to see: the picture says so
        return [_encode(np.broadcast_to(background, (size, size, 3)))] * len(azimuths)
    cameras = _frame(viewpoint, azimuths, size)
    drawn = rasterize(unit, cameras, background=(0, 0, 0), device=device)
    behind = (1 - drawn.alphas[..., None]) * background
    return [_encode(picture) for picture in drawn.colors + behind]


def _frame(viewpoint: Viewpoint, azimuths: list[float], size: int) -> Cameras:
    """Cameras that the unit sphere fills."""
    elevation = max(viewpoint.elevation, _LEAST_ELEVATION)
    distance = 1 / (_FILL * np.sin(np.radians(viewpoint.fov) / 2))
    return orbit(azimuths, elevation, distance, viewpoint.fov, size)


def _encode(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)
