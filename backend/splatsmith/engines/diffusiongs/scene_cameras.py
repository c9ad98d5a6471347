"""Camera paths into a scene.

The network learned scenes in units in which the cameras' largest coordinate about their mean is
1 / 1.35, whatever the scene's size. The paths' amount 1 is such a path.
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np

from ...contract.camera_path import CameraPath
from ..base import ConditioningCamera
from .card import VIEWS
from .views import AssetTransform, Matrices, NetworkViews

EXTENT = 1 / 1.35
ORBIT_ANGLE = 20.0  # degrees, of amount 1
ORBIT_DISTANCE = EXTENT / math.sin(math.radians(ORBIT_ANGLE / 2))  # to the point looked at
FLIP_YZ = np.diag([1.0, -1, -1])  # OpenCV axes to the asset frame, Y up and looking along -Z


class PathKind(StrEnum):
    """How the cameras of the new views move; to the right and about a point on the right."""

    FORWARD = "forward"
    SIDEWAYS = "sideways"
    ORBIT = "orbit"


def scene_views(kind: PathKind, amount: float, fov: float, size: int) -> NetworkViews:
    """The picture's camera and three along the path.

    Args:
        amount: of the path, below 0 in the opposite direction.
        fov: of the picture, degrees.
    """
    poses = np.stack([_pose(kind, amount * step / (VIEWS - 1)) for step in range(VIEWS)])
    c2w = np.linalg.inv(mean_pose(poses)) @ poses
    # The picture's camera becomes the asset frame's origin.
    matrix = FLIP_YZ @ c2w[0, :3, :3].T
    transform = AssetTransform(matrix, -matrix @ c2w[0, :3, 3])
    poses_in_asset = transform.poses(c2w).reshape(VIEWS, -1).tolist()
    path = CameraPath(fov, tuple(map(tuple, poses_in_asset)))
    focal = size / 2 / math.tan(math.radians(fov) / 2)
    intrinsics = np.tile([focal, focal, size / 2, size / 2], (VIEWS, 1))
    camera = ConditioningCamera(0.0, 0.0, fov)
    return NetworkViews(c2w, intrinsics, size, transform, camera, path)


def _pose(kind: PathKind, amount: float) -> Matrices:
    """Camera to world [4, 4] with the picture's camera as the world."""
    pose = np.eye(4)
    match kind:
        case PathKind.FORWARD:
            pose[2, 3] = 2 * EXTENT * amount
        case PathKind.SIDEWAYS:
            pose[0, 3] = 2 * EXTENT * amount
        case PathKind.ORBIT:
            angle = math.radians(ORBIT_ANGLE) * amount
            sine, cosine = math.sin(angle), math.cos(angle)
            pose[:3, :3] = [[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]]
            pose[:3, 3] = ORBIT_DISTANCE * np.array([sine, 0, 1 - cosine])
    return pose


def mean_pose(poses: Matrices) -> Matrices:
    """[4, 4] at the mean position, with the mean view direction and the mean down as near it."""
    forward = _normalized(poses[:, :3, 2].mean(0))
    right = _normalized(np.cross(poses[:, :3, 1].mean(0), forward).astype(np.float64))
    mean = np.eye(4)
    mean[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    mean[:3, 3] = poses[:, :3, 3].mean(0)
    return mean


def _normalized(vector: Matrices) -> Matrices:
    return vector / np.linalg.norm(vector)
