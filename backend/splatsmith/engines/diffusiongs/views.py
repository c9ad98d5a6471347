"""The views that the network takes, and the way from its world to the asset frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...contract.camera_path import CameraPath
from ...contract.transform import quaternion
from ...gaussians.cameras import Cameras
from ...gaussians.gaussian_batch import GaussianBatch
from ..base import ConditioningCamera
from .rays import Rays

NEAR_PLANE = 0.2  # of the rasteriser in training

Matrices = NDArray[np.float64]


@dataclass(frozen=True)
class AssetTransform:
    """p to matrix @ p + translation, from the network's world to the asset frame.

    matrix: [3, 3] orthonormal; its determinant is -1 if that world is mirrored.
    """

    matrix: Matrices
    translation: Matrices

    def __call__(self, gaussians: GaussianBatch) -> GaussianBatch:
        matrix = torch.from_numpy(self.matrix).to(gaussians.means)
        translation = torch.from_numpy(self.translation).to(gaussians.means)
        # A mirrored ellipsoid is also a rotated one: -1 times a reflection is a rotation.
        w, x, y, z = quaternion(np.sign(np.linalg.det(self.matrix)) * self.matrix).tolist()
        product = [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]]
        rotation = torch.tensor(product).to(gaussians.quats)
        return replace(
            gaussians,
            means=gaussians.means @ matrix.T + translation,
            quats=gaussians.quats @ rotation.T,
        )

    def poses(self, c2w: Matrices) -> Matrices:
        """Camera-to-world matrices [V, 4, 4] in the asset frame; proper rotations."""
        moved = np.tile(np.eye(4), (len(c2w), 1, 1))
        moved[:, :3, :3] = self.matrix @ c2w[:, :3, :3]
        moved[:, :3, 3] = c2w[:, :3, 3] @ self.matrix.T + self.translation
        return moved


@dataclass(frozen=True)
class NetworkViews:
    """V square views of `size` pixels; the first is the picture's.

    c2w: [V, 4, 4] camera to the network's world, OpenCV axes. fxfycxcy: [V, 4] in pixels.
    camera: the first in the asset frame. path: of a scene.
    """

    c2w: Matrices
    fxfycxcy: Matrices
    size: int
    to_asset: AssetTransform
    camera: ConditioningCamera
    path: CameraPath | None = None

    def __len__(self) -> int:
        return len(self.c2w)

    def reordered(self, order: Sequence[int]) -> NetworkViews:
        """With the views in another order, in which the network takes any."""
        return replace(self, c2w=self.c2w[list(order)], fxfycxcy=self.fxfycxcy[list(order)])

    @property
    def azimuths(self) -> NDArray[np.float64]:
        """[V] degrees in the asset frame, 0..360; 0 is the front, 90 the right."""
        positions = self.to_asset.poses(self.c2w)[:, :3, 3]
        return np.degrees(np.arctan2(positions[:, 0], positions[:, 2])) % 360

    def rays(self, device: str) -> Rays:
        c2w, fxfycxcy = (
            torch.from_numpy(each).float().to(device) for each in (self.c2w, self.fxfycxcy)
        )
        return Rays.of_cameras(c2w, fxfycxcy, self.size, self.size)

    @property
    def cameras(self) -> Cameras:
        """For rasterisers."""
        ks = np.tile(np.eye(3), (len(self.c2w), 1, 1))
        ks[:, [0, 1], [0, 1]] = self.fxfycxcy[:, :2]
        ks[:, [0, 1], 2] = self.fxfycxcy[:, 2:]
        viewmats = np.linalg.inv(self.c2w).astype(np.float32)
        return Cameras(viewmats, ks.astype(np.float32), self.size, self.size, NEAR_PLANE)
