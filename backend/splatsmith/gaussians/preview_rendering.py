"""Preview images of a cloud: a still and a turntable, framed by the object, on a grey gradient."""

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
_STILL_AZIMUTH = -30.0  # from the front, a little to the object's right, to show its depth
_MIN_ELEVATION = 15.0
_FILL = 0.96  # of the image, by the bounding sphere
_BACKGROUND_TOP, _BACKGROUND_BOTTOM = 0.98, 0.86  # greys, sRGB

PreviewImage = NDArray[np.uint8]


class PreviewCamera(Protocol):
    """The engine's conditioning camera: degrees; `fov` is vertical."""

    @property
    def elevation(self) -> float: ...

    @property
    def fov(self) -> float: ...


@dataclass(frozen=True)
class PreviewScene:
    """A cloud, the camera whose elevation and field of view are used, and the rendering device."""

    cloud: GaussianCloud
    camera: PreviewCamera
    device: str


@dataclass(frozen=True)
class TurntableSpec:
    """Frames of one full turn; size in pixels a side."""

    frames: int
    size: int


def render_preview(scene: PreviewScene) -> PreviewImage:
    """An image [512, 512, 3] from the front, a little aside; plain grey for an invisible cloud."""
    return next(_render(scene, [_STILL_AZIMUTH], STILL_SIZE, (1.0,)))


def render_turntable(scene: PreviewScene, spec: TurntableSpec) -> Iterator[PreviewImage]:
    """One full turn of images [size, size, 3], starting at `render_preview`'s azimuth."""
    return _render(scene, _azimuths(spec), spec.size, [1.0] * spec.frames)


def render_growth(scene: PreviewScene, spec: TurntableSpec) -> Iterator[PreviewImage]:
    """The same turn, in which all Gaussians grow from nothing to their sizes."""
    growth = [(i + 1) / spec.frames for i in range(spec.frames)]
    return _render(scene, _azimuths(spec), spec.size, growth)


def _azimuths(spec: TurntableSpec) -> list[float]:
    return [_STILL_AZIMUTH + 360 * i / spec.frames for i in range(spec.frames)]


def _render(
    scene: PreviewScene, azimuths: Sequence[float], size: int, growth: Sequence[float]
) -> Iterator[PreviewImage]:
    """Images from `azimuths`, the Gaussians scaled by `growth`."""
    background = _background(size)
    try:
        unit = to_unit_sphere(scene.cloud, bounding_sphere(scene.cloud))
    except ValueError:  # invisible: an empty background
        yield from [_to_bytes(np.broadcast_to(background, (size, size, 3)))] * len(azimuths)
        return
    for azimuth, factor in zip(azimuths, growth, strict=True):
        camera = _framing_camera(scene.camera, azimuth, size)
        cloud = replace(unit, scales=unit.scales * np.float32(factor))
        # The dilation that keeps small Gaussians from falling between pixels has to grow as well,
        # or they would be visible at once.
        eps2d = EPS2D * factor * factor
        image = rasterize(cloud, camera, background=(0, 0, 0), eps2d=eps2d, device=scene.device)
        behind = (1 - image.alphas[0, ..., None]) * background
        yield _to_bytes(image.colors[0] + behind)


def _background(size: int) -> NDArray[np.float32]:
    """[size, 1, 1], a vertical gradient."""
    greys = np.linspace(_BACKGROUND_TOP, _BACKGROUND_BOTTOM, size, dtype=np.float32)
    return greys[:, None, None]


def _framing_camera(camera: PreviewCamera, azimuth: float, size: int) -> Cameras:
    """One camera whose image the unit sphere fills."""
    elevation = max(camera.elevation, _MIN_ELEVATION)
    distance = 1 / (_FILL * np.sin(np.radians(camera.fov) / 2))
    return orbit_cameras([azimuth], elevation, distance, camera.fov, size)


def _to_bytes(image: NDArray[np.float32]) -> PreviewImage:
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
