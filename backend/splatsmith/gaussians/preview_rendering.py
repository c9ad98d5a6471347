"""Pictures of a cloud for people: a still and a turntable, filled by the object, on soft grey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.bounds import bounding_sphere
from ..contract.cloud import GaussianCloud
from .cameras import Cameras, orbit_cameras
from .rasterize import EPS2D, rasterize
from .unit_sphere import to_unit_sphere

STILL_SIZE = 512
_STILL_AZIMUTH = -30.0  # from the front, a little to the object's right: shows its depth
_LEAST_ELEVATION = 15.0
_FILL = 0.96  # of the picture, by the bounding sphere
_TOP, _BOTTOM = 0.98, 0.86  # greys of the background, sRGB

Picture = NDArray[np.uint8]


class PreviewCamera(Protocol):
    """How the object was pictured: degrees; `fov` is vertical."""

    @property
    def elevation(self) -> float: ...

    @property
    def fov(self) -> float: ...


@dataclass(frozen=True)
class PreviewScene:
    """What is drawn, how it was pictured, and the device that draws."""

    cloud: GaussianCloud
    viewpoint: PreviewCamera
    device: str


@dataclass(frozen=True)
class TurntableSpec:
    """Frames of one turn; pixels a side."""

    frames: int
    size: int


def render_preview(scene: PreviewScene) -> Picture:
    """A picture [512, 512, 3] from the front, a little aside; plain grey for an invisible cloud."""
    return next(_render(scene, [_STILL_AZIMUTH], STILL_SIZE, (1.0,)))


def render_turntable(scene: PreviewScene, turn: TurntableSpec) -> Iterator[Picture]:
    """One full turn of pictures [size, size, 3], starting as `render_preview` does."""
    return _render(scene, _azimuths(turn), turn.size, [1.0] * turn.frames)


def render_growth(scene: PreviewScene, turn: TurntableSpec) -> Iterator[Picture]:
    """The same turn, in which all Gaussians grow from nothing to their sizes."""
    sizes = [(i + 1) / turn.frames for i in range(turn.frames)]
    return _render(scene, _azimuths(turn), turn.size, sizes)


def _azimuths(turn: TurntableSpec) -> list[float]:
    return [_STILL_AZIMUTH + 360 * i / turn.frames for i in range(turn.frames)]


def _render(
    scene: PreviewScene, azimuths: Sequence[float], size: int, growth: Sequence[float]
) -> Iterator[Picture]:
    """Pictures from `azimuths`, of Gaussians that have `growth` of their sizes."""
    background = np.linspace(_TOP, _BOTTOM, size, dtype=np.float32)[:, None, None]
    try:
        unit = to_unit_sphere(scene.cloud, bounding_sphere(scene.cloud))
    except ValueError:  # nothing to see: the picture says so
        yield from [_encode(np.broadcast_to(background, (size, size, 3)))] * len(azimuths)
        return
    for azimuth, grown in zip(azimuths, growth, strict=True):
        camera = _frame(scene.viewpoint, [azimuth], size)
        cloud = replace(unit, scales=unit.scales * np.float32(grown))
        # The blur that keeps small Gaussians from falling between pixels would show them at once.
        blur = EPS2D * grown * grown
        drawn = rasterize(cloud, camera, background=(0, 0, 0), eps2d=blur, device=scene.device)
        behind = (1 - drawn.alphas[0, ..., None]) * background
        yield _encode(drawn.colors[0] + behind)


def _frame(viewpoint: PreviewCamera, azimuths: list[float], size: int) -> Cameras:
    """Cameras that the unit sphere fills."""
    elevation = max(viewpoint.elevation, _LEAST_ELEVATION)
    distance = 1 / (_FILL * np.sin(np.radians(viewpoint.fov) / 2))
    return orbit_cameras(azimuths, elevation, distance, viewpoint.fov, size)


def _encode(picture: NDArray[np.float32]) -> Picture:
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)
