"""Which views a request makes, and in which groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...contract.camera_path import CameraPath
from ...contract.problems import InvalidRequest
from .cameras import FOV, FRONT, GRID, Pose, random_pose, rings, swing
from .card import MAX_PITCH, MAX_YAW, Settings

MAX_VIEWS = 100
PATH_POSES = 8  # of a turn
PATH_SWING = (0.1, 0.03)  # radians, least half axes of the camera path
_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def poses_of(settings: Settings) -> list[Pose]:
    """The front, then the further views.

    Raises:
        InvalidRequest: yaws or pitches are no numbers, or outside of what was trained.
    """
    match settings.viewset:
        case "uncond":
            return [FRONT]
        case "random":
            return [FRONT, random_pose(np.random.default_rng(settings.seed))]
        case "3x9":
            return list(GRID)
        case _:
            return _custom_poses(settings)


def groups_of(poses: list[Pose], settings: Settings) -> list[list[int]]:
    """Indices of views that are made at once, in the order in which they are made."""
    return rings(poses) if settings.order == "rings" else [[index] for index in range(len(poses))]


def camera_path(poses: list[Pose]) -> CameraPath:
    """From the front once around what the views show, and back."""
    turn = swing_of(poses, np.linspace(0, 1, PATH_POSES + 1))
    matrices = [pose.camera_to_world @ _TO_OPENCV for pose in (FRONT, *turn, FRONT)]
    return CameraPath(FOV, tuple(tuple(matrix.ravel().tolist()) for matrix in matrices))


def swing_of(poses: Sequence[Pose], turns: Sequence[float] | NDArray[np.float64]) -> list[Pose]:
    """Poses around what the views show, once around for `turns` 0..1."""
    yaw = max(PATH_SWING[0], *(abs(pose.yaw) for pose in poses))
    pitch = max(PATH_SWING[1], *(abs(pose.pitch) for pose in poses))
    return swing(turns, yaw, pitch)


def _custom_poses(settings: Settings) -> list[Pose]:
    yaws = _degrees("yaws", settings.yaws, MAX_YAW)
    pitches = _degrees("pitches", settings.pitches, MAX_PITCH)
    wanted = [Pose(math.radians(yaw), math.radians(pitch)) for yaw in yaws for pitch in pitches]
    poses = list(dict.fromkeys([FRONT, *wanted]))
    if len(poses) == 1 or len(poses) > MAX_VIEWS:
        raise InvalidRequest(
            f"Yaws and pitches are {len(poses)} views.",
            f"Name at least one beside the front, and {MAX_VIEWS} at most.",
        )
    return poses


def _degrees(name: str, text: str, limit: float) -> list[float]:
    try:
        values = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise InvalidRequest(f"{name} are {text!r}.", "Write numbers with commas: 0, 15, -15.")
    for value in values:
        if abs(value) > limit:
            raise InvalidRequest(
                f"Among {name} is {value:g} degrees.",
                f"The network was trained on {limit:g} either way at most.",
            )
    return values
