"""Free views out of RGBD views, against the scene that these show."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from splatsmith.engines.ivid.cameras import FRONT, GRID, Camera, FreeCamera, Pose
from splatsmith.engines.ivid.fused_views import BACKGROUND, FusedViews

from .true_scene import true_colors, true_view

SIZE = 64
HALF_WAY = [Pose(0.075, 0.075), Pose(-0.225, -0.075), Pose(0.525, 0.0), Pose(-0.375, 0.075)]


@pytest.fixture(scope="module")
def fused() -> FusedViews:
    return FusedViews([true_view(pose, SIZE) for pose in GRID], "cpu")


def decibels(picture: NDArray[np.floating], camera: Camera) -> float:
    """Peak signal to noise ratio."""
    error = np.mean((picture - true_colors(camera, len(picture))) ** 2)
    return float(-10 * np.log10(error))


@pytest.mark.parametrize("pose", GRID[::6])
def test_given_cameras_see_what_was_given(fused: FusedViews, pose: Pose) -> None:
    assert decibels(fused.render(pose, SIZE), pose) > 30


@pytest.mark.parametrize("pose", HALF_WAY)
def test_cameras_half_way_between_see_the_same_scene(fused: FusedViews, pose: Pose) -> None:
    assert decibels(fused.render(pose, SIZE), pose) > 24


def test_any_camera_sees_the_scene(fused: FusedViews) -> None:
    matrix = Pose(0.2, 0.1).world_to_camera
    matrix[2, 3] += 0.15  # nearer
    camera = FreeCamera(matrix)
    assert decibels(fused.render(camera, SIZE), camera) > 24
    wrong = FreeCamera(Pose(-0.2, 0.1).world_to_camera)
    assert decibels(fused.render(camera, SIZE), wrong) < 20


def test_what_no_view_shows_is_background(fused: FusedViews) -> None:
    behind = fused.render(Pose(np.pi, 0.0), SIZE)
    assert np.allclose(behind[0, 0], BACKGROUND, atol=0.01)


def test_a_swing_goes_as_far_as_the_views(fused: FusedViews) -> None:
    frames = list(fused.swing([0.0, 0.25, 0.5], 48))
    assert all(frame.shape == (48, 48, 3) for frame in frames)
    for frame, pose in zip(frames, (Pose(0.6), Pose(0, 0.15), Pose(-0.6)), strict=True):
        assert decibels(frame / np.float32(255), pose) > 24
    lone = FusedViews([true_view(FRONT, SIZE)], "cpu")
    beside = next(lone.swing([0.0], SIZE)) / np.float32(255)
    assert decibels(beside, Pose(0.1)) > decibels(beside, Pose(0.6)) + 3
