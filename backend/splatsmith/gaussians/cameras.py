"""Pinhole cameras with OpenCV axes: x right, y down, z forward; pixel centres at halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rendering import NEAR_PLANE


@dataclass(frozen=True)
class Cameras:
    """C cameras of one image size.

    Attributes:
        viewmats: [C, 4, 4] float32, world to camera.
        Ks: [C, 3, 3] float32, in pixels.
        width, height: in pixels.
        near: Gaussians with a smaller z-depth are not drawn.
    """

    viewmats: NDArray[np.float32]
    Ks: NDArray[np.float32]  # noqa: N815  (the field's name everywhere)
    width: int
    height: int
    near: float = NEAR_PLANE

    def __len__(self) -> int:
        return len(self.viewmats)

    @property
    def positions(self) -> NDArray[np.float32]:
        """[C, 3] camera centres in world coordinates."""
        return -np.einsum("cji,cj->ci", self.viewmats[:, :3, :3], self.viewmats[:, :3, 3])


def orbit_cameras(
    azimuths: Sequence[float] | NDArray[np.float64],
    elevation: float | Sequence[float] | NDArray[np.float64],
    distance: float,
    fov: float,
    size: int,
) -> Cameras:
    """Cameras on an orbit around the origin of the asset frame, looking at it, Y up in the image.

    Azimuth 0 sees the front (+Z), 90 is at +X; elevation above 0 looks down.

    Args:
        azimuths, elevation: degrees; one elevation for all cameras, or one each.
        distance: to the origin.
        fov: vertical, degrees.
        size: pixels a side.
    """
    a = np.radians(np.asarray(azimuths, np.float64))
    e = np.broadcast_to(np.radians(np.asarray(elevation, np.float64)), a.shape)
    zero = np.zeros_like(a)
    backward = np.stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], axis=1)
    right = np.stack([np.cos(a), zero, -np.sin(a)], axis=1)
    down = np.cross(right, backward)  # forward x right, defined at the poles too
    viewmats = np.tile(np.eye(4), (len(a), 1, 1))
    viewmats[:, :3, :3] = np.stack([right, down, -backward], axis=1)
    viewmats[:, 2, 3] = distance
    focal = 0.5 * size / np.tan(np.radians(fov) / 2)
    intrinsics = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return Cameras(
        viewmats.astype(np.float32),
        np.tile(intrinsics.astype(np.float32), (len(a), 1, 1)),
        size,
        size,
    )
