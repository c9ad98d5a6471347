"""Cameras between the poses of a path."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.contract.camera_path import CameraPath
from splatsmith.gaussians.camera_paths import cameras_on_path

QUARTER = [[0, 0, 1, 2], [0, 1, 0, 0], [-1, 0, 0, 4], [0, 0, 0, 1.0]]  # turned right by 90 degrees
PATH = CameraPath(90.0, (tuple(np.eye(4).flat), tuple(np.ravel(QUARTER))))


def test_the_ends_are_the_path_s_own() -> None:
    cameras = cameras_on_path(PATH, [0, 1], 100)
    poses = np.linalg.inv(cameras.viewmats)
    np.testing.assert_allclose(poses, np.reshape(PATH.poses, (2, 4, 4)), atol=1e-6)
    assert (cameras.width, cameras.height) == (100, 100)
    np.testing.assert_allclose(cameras.Ks[0], [[50, 0, 50], [0, 50, 50], [0, 0, 1]], rtol=1e-6)


def test_between_poses_position_and_rotation_are_in_between() -> None:
    middle = np.linalg.inv(cameras_on_path(PATH, [0.5], 10).viewmats)[0]
    assert middle[:3, 3] == pytest.approx([1, 0, 2])
    assert middle[:3, 2] == pytest.approx([0.5**0.5, 0, 0.5**0.5])  # half the turn
