"""A scene with true depths, by rays: a ball on a ramp before a wall, in smooth colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splatsmith.engines.ivid.cameras import FOV, Camera, Pose
from splatsmith.engines.ivid.depth_code import encode_depth
from splatsmith.engines.ivid.view_chain import RgbdView

Doubles = NDArray[np.float64]

_BALL, _RADIUS = np.array([0.05, -0.05, 0.0]), 0.17
_WALL = np.array([0.0, 0.0, 1.0]), -0.5  # planes: a normal, and where it meets them
_RAMP = np.array([0.0, 0.8, 0.6]), -0.25
_SAMPLES = 4  # along a pixel's side, of colours


def true_view(pose: Pose, size: int) -> RgbdView:
    """Colours are means over pixels, depths those of their centres."""
    depth = _hits(pose, size)[1]
    return RgbdView(pose, true_colors(pose, size), encode_depth(depth).astype(np.float32))


def true_colors(camera: Camera, size: int) -> NDArray[np.float32]:
    """[size, size, 3], 0..1."""
    points, _ = _hits(camera, _SAMPLES * size)
    waves = np.sin(points @ np.array([[17.0, 5, 3], [-4, 13, 7], [6, -9, 15]]))
    colors = 0.5 + 0.25 * waves
    is_ball = np.linalg.norm(points - _BALL, axis=-1) < _RADIUS + 1e-6
    colors[is_ball] = colors[is_ball][:, ::-1] * (0.9, 0.6, 0.4)
    means = colors.reshape(size, _SAMPLES, size, _SAMPLES, 3).mean(axis=(1, 3))
    return means.astype(np.float32)


def _hits(camera: Camera, size: int) -> tuple[Doubles, Doubles]:
    """What the pixels' centres show: points [size, size, 3], and z-depths."""
    ticks = ((np.arange(size) + 0.5) / size * 2 - 1) * np.tan(np.radians(FOV) / 2)
    x, y = np.meshgrid(ticks, -ticks)
    matrix = camera.world_to_camera
    rays = np.stack([x, y, np.full_like(x, -1.0)], axis=-1) @ matrix[:3, :3]
    eye = -matrix[:3, 3] @ matrix[:3, :3]
    depths = [_ball_depth(eye, rays)]
    for normal, place in (_WALL, _RAMP):
        with np.errstate(divide="ignore"):
            depth = (place - eye @ normal) / (rays @ normal)
        depths.append(np.where(depth > 0, depth, np.inf))
    nearest = np.min(depths, axis=0)
    return eye + nearest[..., None] * rays, nearest


def _ball_depth(eye: Doubles, rays: Doubles) -> Doubles:
    a, b = (rays**2).sum(axis=-1), rays @ (eye - _BALL)
    root = b**2 - a * (((eye - _BALL) ** 2).sum() - _RADIUS**2)
    return np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
