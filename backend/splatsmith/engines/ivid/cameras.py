"""ivid's cameras, on the unit sphere around the origin, and the orders in which views are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FOV = 45.0  # degrees, of the square view's side

Matrices = NDArray[np.float64]


class Camera(Protocol):
    """Any camera."""

    @property
    def world_to_camera(self) -> Matrices:
        """[4, 4] with OpenGL's axes: x right, y up, looking along -z."""
        ...


@dataclass(frozen=True)
class FreeCamera:
    """A camera anywhere; `world_to_camera` as in `Camera`."""

    world_to_camera: Matrices


@dataclass(frozen=True)
class Pose:
    """A camera's direction from the origin in radians: yaw to +X, pitch upwards."""

    yaw: float = 0.0
    pitch: float = 0.0

    @property
    def position(self) -> Matrices:
        """[3], at distance 1."""
        flat = np.cos(self.pitch)
        return np.array(
            [np.sin(self.yaw) * flat, np.sin(self.pitch), np.cos(self.yaw) * flat], np.float64
        )

    @property
    def world_to_camera(self) -> Matrices:
        """[4, 4] with OpenGL's axes: x right, y up, looking at the origin along -z."""
        backward = self.position
        right = np.array([np.cos(self.yaw), 0.0, -np.sin(self.yaw)])
        matrix = np.eye(4)
        matrix[:3, :3] = right, np.cross(backward, right), backward
        matrix[2, 3] = -1.0
        return matrix

    @property
    def camera_to_world(self) -> Matrices:
        """[4, 4], the inverse."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.world_to_camera[:3, :3].T
        matrix[:3, 3] = self.position
        return matrix


FRONT = Pose()
GRID_YAWS = (0.0, 0.15, -0.15, 0.30, -0.30, 0.45, -0.45, 0.60, -0.60)
GRID_PITCHES = (0.0, 0.15, -0.15)
MAX_YAW, MAX_PITCH = 0.60, 0.15  # radians, of the views that the network was trained on
RANDOM_YAW, RANDOM_PITCH = 0.3, 0.15  # standard deviations

GRID = tuple(Pose(yaw, pitch) for yaw in GRID_YAWS for pitch in GRID_PITCHES)
"""The viewset 3x9 in the published order."""


def random_pose(rng: np.random.Generator) -> Pose:
    """As the published program draws a second view; within what was trained."""
    yaw, pitch = rng.normal(size=2) * (RANDOM_YAW, RANDOM_PITCH)
    return Pose(
        float(np.clip(yaw, -MAX_YAW, MAX_YAW)), float(np.clip(pitch, -MAX_PITCH, MAX_PITCH))
    )


def rings(poses: Sequence[Pose]) -> list[list[int]]:
    """Indices of views that may be made at once: the first, then those of equal distance to it in
    yaw, in the order of their first appearance.
    """
    groups: dict[float, list[int]] = {}
    for index, pose in enumerate(poses[1:], 1):
        groups.setdefault(round(abs(pose.yaw - poses[0].yaw), 6), []).append(index)
    return [[0], *groups.values()]


def swing(turns: Sequence[float] | NDArray[np.float64], yaw: float, pitch: float) -> list[Pose]:
    """Poses on the published path: an ellipse of these half axes, once around for `turns` 0..1."""
    angles = 2 * np.pi * np.asarray(turns, np.float64)
    return [Pose(float(yaw * np.cos(a)), float(pitch * np.sin(a))) for a in angles]
