"""Views with their cameras, as all training data is read; and the network's world for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.object_cameras import SWAP_YZ
from splatsmith.engines.diffusiongs.scene_cameras import EXTENT, mean_pose
from splatsmith.engines.diffusiongs.views import AssetTransform, Matrices
from training.synthetic_objects import rotation_about_y

Pixels = NDArray[np.uint8]

CAMERA_DISTANCE = 3.0  # mean distance of objects' cameras, as in the released configuration
OPENGL_TO_OPENCV = np.diag([1.0, -1, -1, 1])  # applied to a camera's own axes


@dataclass(frozen=True)
class PosedViews:
    """V square views of one object or scene.

    Worlds of objects are Y up, with the object about the origin and the cameras CAMERA_DISTANCE
    away in the mean; those of scenes are arbitrary.

    c2w: [V, 4, 4] camera to world, OpenCV axes. fxfycxcy: [V, 4] in pixels.
    read: the views of these indices, [K, S, S, 4], sRGB premultiplied by alpha.
    """

    c2w: Matrices
    fxfycxcy: Matrices
    read: Callable[[Sequence[int]], Pixels]


class ViewSource(Protocol):
    """Objects or scenes to train on."""

    @property
    def subject(self) -> Subject: ...

    @property
    def size(self) -> int:
        """Pixels a side of the views."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> PosedViews: ...


def network_poses(c2w: Matrices, subject: Subject, inputs: int) -> Matrices:
    """Poses [V, 4, 4] in the network's world; the first view is the clean one.

    Args:
        inputs: how many of the views the network takes; they come first.
    """
    return _object_poses(c2w) if subject is Subject.OBJECT else _scene_poses(c2w, inputs)


def _object_poses(c2w: Matrices) -> Matrices:
    """Turned until the first camera is in front, in the mirrored world of the released weights."""
    x, _, z = c2w[0, :3, 3]
    matrix = SWAP_YZ @ rotation_about_y(-math.atan2(x, z))
    return AssetTransform(matrix, np.zeros(3)).poses(c2w)


def _scene_poses(c2w: Matrices, inputs: int) -> Matrices:
    """Relative to the mean of the input views, whose largest coordinate becomes EXTENT."""
    poses = np.linalg.inv(mean_pose(c2w[:inputs])) @ c2w
    extent = np.abs(poses[:inputs, :3, 3]).max()
    if extent > 0:
        poses[:, :3, 3] *= EXTENT / extent
    return poses


def centered_object_poses(c2w: Matrices) -> Matrices:
    """Poses in a world whose origin is the point nearest to all optical axes, scaled until the
    cameras are CAMERA_DISTANCE away in the mean.
    """
    axes, positions = c2w[:, :3, 2], c2w[:, :3, 3]
    across = np.eye(3) - axes[:, :, None] * axes[:, None]  # projections off each optical axis
    center = np.linalg.solve(across.sum(0), (across @ positions[..., None]).sum(0)[:, 0])
    distance = np.linalg.norm(positions - center, axis=1).mean()
    poses = c2w.copy()
    poses[:, :3, 3] = (positions - center) * (CAMERA_DISTANCE / distance)
    return poses


def read_square(image: Image.Image, size: int) -> Pixels:
    """The middle square [size, size, 4] of an image with straight alpha, premultiplied."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.convert("RGBA").crop((left, top, left + side, top + side))
    pixels = np.asarray(square, np.float32)
    pixels = np.concatenate([pixels[..., :3] * pixels[..., 3:] / 255, pixels[..., 3:]], -1)
    premultiplied = Image.fromarray(pixels.round().astype(np.uint8), "RGBA")
    if side == size:
        return np.asarray(premultiplied)
    channels = [band.resize((size, size), Image.Resampling.BOX) for band in premultiplied.split()]
    return np.stack([np.asarray(band) for band in channels], -1)


def square_intrinsics(fxfycxcy: Matrices, width: int, height: int, size: int) -> Matrices:
    """fx, fy, cx, cy [..., 4] of an image's middle square at `size` pixels, as of `read_square`."""
    side = min(width, height)
    cut = np.array([0, 0, (width - side) // 2, (height - side) // 2])
    return (fxfycxcy - cut) * (size / side)
