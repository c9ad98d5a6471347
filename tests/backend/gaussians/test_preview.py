"""Preview images frame the object completely, whatever its size and position."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from splatsmith.contract.camera_path import CameraPath
from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.preview_rendering import (
    PreviewScene,
    TurntableSpec,
    render_growth,
    render_preview,
    render_turntable,
)

from .clouds import random_cloud, shell


@dataclass(frozen=True)
class Camera:
    elevation: float = 20.0
    fov: float = 40.0


def scene_of(cloud: GaussianCloud) -> PreviewScene:
    return PreviewScene(cloud, Camera(), "cpu")


def colored(image: np.ndarray) -> np.ndarray:
    """Mask of the pixels that are not grey."""
    return np.ptp(image.astype(int), axis=2) > 20


@pytest.mark.parametrize("radius", [0.001, 1.0, 500.0])
def test_the_object_fills_the_image_and_is_not_cut_off(radius: float) -> None:
    cloud = shell(2000, radius)
    cloud.means[:] += np.array([3, -2, 1], np.float32) * radius
    image = render_preview(scene_of(cloud))
    assert image.shape == (512, 512, 3)
    pixels = np.argwhere(colored(image))
    assert (pixels.min(axis=0) > 2).all()
    assert (pixels.max(axis=0) < 509).all()
    assert (np.ptp(pixels, axis=0) > 380).all()


def test_a_floater_does_not_shrink_the_object() -> None:
    cloud = shell(2000)
    cloud.means[0] = 1000
    assert colored(render_preview(scene_of(cloud))).mean() > 0.3


def test_an_invisible_cloud_gives_an_empty_image() -> None:
    cloud = replace(random_cloud(20), opacities=np.zeros(20, np.float32))
    for invisible in (cloud, random_cloud(0)):
        image = render_preview(scene_of(invisible))
        assert image.shape == (512, 512, 3)
        assert not colored(image).any()


def test_a_turntable_is_one_full_turn() -> None:
    frames = list(render_turntable(scene_of(shell(1000)), TurntableSpec(8, 160)))
    assert len(frames) == 8
    assert all(frame.shape == (160, 160, 3) for frame in frames)
    changes = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames, frames[1:], strict=False)]
    assert min(changes) > 1
    # Red grows with x: the camera at azimuth 60 sees more of it than the one at -120.
    assert frames[2][..., 0].mean() > frames[6][..., 0].mean() + 5


def test_gaussians_grow_from_nothing_to_their_sizes() -> None:
    scene, spec = scene_of(shell(1000)), TurntableSpec(12, 160)
    growing, grown = list(render_growth(scene, spec)), list(render_turntable(scene, spec))
    shares = [colored(frame).mean() for frame in growing]
    assert len(growing) == 12
    assert shares[0] < 0.25 * shares[-1]
    assert shares[0] < shares[3] < shares[6]
    assert np.array_equal(growing[-1], grown[-1])


def test_a_scene_is_seen_from_its_path_there_and_back() -> None:
    """A red half of the view on the left, before a camera that moves away to the right."""
    first, last = np.diag([1.0, -1, -1, 1]), np.diag([1.0, -1, -1, 1])
    last[0, 3] = 3
    path = CameraPath(60.0, (tuple(first.flat), tuple(last.flat)))
    cloud = replace(
        random_cloud(3000, size=0.2),
        sh0=np.tile(np.array([1.7, -1.7, -1.7], np.float32), (3000, 1)),
    )
    cloud.means[:] += np.array([-1, 0, -4], np.float32)
    scene = PreviewScene(cloud, Camera(), "cpu", path)
    assert colored(render_preview(scene)).any()
    shares = [colored(image).mean() for image in render_turntable(scene, TurntableSpec(4, 64))]
    assert shares[0] > shares[1] > shares[2]
    assert shares[3] == pytest.approx(shares[1])
