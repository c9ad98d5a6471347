"""Preview images of a cloud: a still and a turntable, framed by the object, on a grey gradient.

Scenes are seen from their camera path instead, there and back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.bounds import bounding_sphere
from ..contract.camera_path import CameraPath
from ..contract.cloud import GaussianCloud
from .camera_paths import cameras_on_path
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
    """A cloud, the camera whose elevation and field of view are used, and the rendering device.

    path: of a scene, whose cameras are used instead.
    """

    cloud: GaussianCloud
    camera: PreviewCamera
    device: str
    path: CameraPath | None = None


@dataclass(frozen=True)
class TurntableSpec:
    """Frames of one full turn; size in pixels a side."""

    frames: int
    size: int


def render_preview(scene: PreviewScene) -> PreviewImage:
    """An image [512, 512, 3] from the front, a little aside; plain grey for an invisible cloud."""
    return next(_render(scene, [0.0], STILL_SIZE, (1.0,)))


def render_turntable(scene: PreviewScene, spec: TurntableSpec) -> Iterator[PreviewImage]:
    """One full turn of images [size, size, 3], starting as `render_preview`."""
    return _render(scene, _turns(spec), spec.size, [1.0] * spec.frames)


def render_growth(scene: PreviewScene, spec: TurntableSpec) -> Iterator[PreviewImage]:
    """The same turn, in which all Gaussians grow from nothing to their sizes."""
    growth = [(i + 1) / spec.frames for i in range(spec.frames)]
    return _render(scene, _turns(spec), spec.size, growth)


def _turns(spec: TurntableSpec) -> list[float]:
    return [i / spec.frames for i in range(spec.frames)]


def _render(
    scene: PreviewScene, turns: Sequence[float], size: int, growth: Sequence[float]
) -> Iterator[PreviewImage]:
    """Images at `turns`, 0..1 of the whole, the Gaussians scaled by `growth`."""
    background = _background(size)
    try:
        sphere = bounding_sphere(scene.cloud)
    except ValueError:  # invisible: an empty background
        yield from [_to_bytes(np.broadcast_to(background, (size, size, 3)))] * len(turns)
        return
    whole = scene.cloud if scene.path else to_unit_sphere(scene.cloud, sphere)
    for turn, factor in zip(turns, growth, strict=True):
        cloud = replace(whole, scales=whole.scales * np.float32(factor))
        # The dilation that keeps small Gaussians from falling between pixels has to grow as well,
        # or they would be visible at once.
        eps2d = EPS2D * factor * factor
        camera = _camera(scene, turn, size)
        image = rasterize(cloud, camera, background=(0, 0, 0), eps2d=eps2d, device=scene.device)
        behind = (1 - image.alphas[0, ..., None]) * background
        yield _to_bytes(image.colors[0] + behind)


def _background(size: int) -> NDArray[np.float32]:
    """[size, 1, 1], a vertical gradient."""
    greys = np.linspace(_BACKGROUND_TOP, _BACKGROUND_BOTTOM, size, dtype=np.float32)
    return greys[:, None, None]


def _camera(scene: PreviewScene, turn: float, size: int) -> Cameras:
    """One camera: whose image the unit sphere fills, or on the path, there and back."""
    if scene.path is not None:
        return cameras_on_path(scene.path, [(1 - np.cos(2 * np.pi * turn)) / 2], size)
    elevation = max(scene.camera.elevation, _MIN_ELEVATION)
    distance = 1 / (_FILL * np.sin(np.radians(scene.camera.fov) / 2))
    azimuth = _STILL_AZIMUTH + 360 * turn
    return orbit_cameras([azimuth], elevation, distance, scene.camera.fov, size)


def _to_bytes(image: NDArray[np.float32]) -> PreviewImage:
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
