"""Cameras along the path of a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from ..contract.camera_path import CameraPath
from .cameras import Cameras


def cameras_on_path(
    path: CameraPath, places: Sequence[float] | NDArray[np.float64], size: int
) -> Cameras:
    """Square cameras at `places` on the path, 0 its first pose and 1 its last.

    Positions are interpolated linearly between poses, rotations spherically.
    """
    poses = np.reshape(np.array(path.poses, np.float64), (-1, 4, 4))
    times = np.linspace(0, 1, len(poses))
    places = np.asarray(places, np.float64)
    c2w = np.tile(np.eye(4), (len(places), 1, 1))
    rotations = Slerp(times, Rotation.from_matrix(poses[:, :3, :3]))
    c2w[:, :3, :3] = rotations(places).as_matrix()
    for axis in range(3):
        c2w[:, axis, 3] = np.interp(places, times, poses[:, axis, 3])
    focal = size / 2 / np.tan(np.radians(path.fov) / 2)
    k = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], np.float32)
    viewmats = np.linalg.inv(c2w).astype(np.float32)
    return Cameras(viewmats, np.tile(k, (len(places), 1, 1)), size, size)
