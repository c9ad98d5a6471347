"""The cloud seen from all around: what both meshes and points are taken from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.problems import InvalidRequest
from ..gaussians.bounds import VISIBLE_OPACITY, Sphere, bounding_sphere, to_unit_sphere
from ..gaussians.cameras import Cameras, orbit
from ..gaussians.rasterize import rasterize
from ..gaussians.rendering import NEAR_PLANE, Rendering
from ..progress import Progress

_FOV = 40.0
_DISTANCE = 1.03 / np.sin(np.radians(_FOV / 2))  # the unit sphere with a little room
_SOLID = 0.5  # a pixel of this alpha shows the surface
_BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Sight:
    """What one camera sees at given points.

    Attributes:
        seen: [N] whether the point is at the surface that its pixel shows.
        gap: [N] depth of the pixel's surface minus the point's: above 0 in front of it.
        pixels: [N] flat index of the pixel; meaningless where the point is outside the picture.
    """

    seen: NDArray[np.bool_]
    gap: NDArray[np.float32]
    pixels: NDArray[np.intp]


@dataclass(frozen=True)
class Views:
    """Pictures of a cloud that was brought into the unit sphere; `sphere` leads back.

    colors are over black, that is premultiplied by alphas.
    """

    sphere: Sphere
    cameras: Cameras
    rendering: Rendering

    def __len__(self) -> int:
        return len(self.cameras)

    @property
    def pixel(self) -> float:
        """The width of a pixel at the unit sphere's centre."""
        return _DISTANCE / float(self.cameras.Ks[0, 0, 0])

    def sight(self, index: int, points: NDArray[np.float32], tolerance: float) -> Sight:
        """How camera `index` sees `points` [N, 3] of the unit sphere."""
        view, k = self.cameras.viewmats[index], self.cameras.Ks[index]
        x, y, z = (points @ view[:3, :3].T + view[:3, 3]).T
        z = np.maximum(z, NEAR_PLANE)
        width, height = self.cameras.width, self.cameras.height
        column = np.clip(np.floor(k[0, 0] * x / z + k[0, 2]), -1, width).astype(np.intp)
        row = np.clip(np.floor(k[1, 1] * y / z + k[1, 2]), -1, height).astype(np.intp)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        pixels = np.where(inside, row * width + column, 0)
        gap = self.rendering.depths[index].reshape(-1)[pixels] - z
        solid = self.rendering.alphas[index].reshape(-1)[pixels] >= _SOLID
        return Sight(inside & solid & (np.abs(gap) <= tolerance), gap, pixels)

    def normals(self) -> Iterator[NDArray[np.float32]]:
        """For each camera [H * W, 3]: the surface's normals in the world, towards the camera.

        Zero where there is no surface or its depth jumps.
        """
        for i in range(len(self)):
            points = self._surface(i)
            right = np.zeros_like(points)
            down = np.zeros_like(points)
            right[:, 1:-1] = points[:, 2:] - points[:, :-2]
            down[1:-1] = points[2:] - points[:-2]
            normals = np.cross(down, right)
            length = np.linalg.norm(normals, axis=2, keepdims=True)
            steep = np.maximum(np.abs(right), np.abs(down)).max(axis=2) > 8 * self.pixel
            good = (self.rendering.alphas[i] >= _SOLID) & ~steep & (length[..., 0] > 0)
            normals = np.where(good[..., None], normals / np.maximum(length, 1e-20), 0)
            yield (normals.reshape(-1, 3) @ self.cameras.viewmats[i, :3, :3]).astype(np.float32)

    def _surface(self, index: int) -> NDArray[np.float32]:
        """[H, W, 3] points of the surface along the camera's axes."""
        k, z = self.cameras.Ks[index], self.rendering.depths[index]
        x = (np.arange(self.cameras.width, dtype=np.float32) + 0.5 - k[0, 2]) / k[0, 0]
        y = (np.arange(self.cameras.height, dtype=np.float32) + 0.5 - k[1, 2]) / k[1, 1]
        return np.stack([x[None, :] * z, y[:, None] * z, z], axis=2)


def look_around(
    cloud: GaussianCloud, count: int, size: int, device: str, progress: Progress
) -> Views:
    """Draw `cloud` from `count` directions, evenly spread, `size` pixels each.

    Raises:
        InvalidRequest: there is nothing to see in it.
        Cancelled: between two pictures.
    """
    check_cloud(cloud)
    sphere = bounding_sphere(cloud)
    unit = to_unit_sphere(cloud, sphere)
    cameras = _all_around(count, size)
    drawn: list[Rendering] = []
    for i in range(count):
        progress.step(i, count)
        one = Cameras(cameras.viewmats[i : i + 1], cameras.Ks[i : i + 1], size, size)
        drawn.append(rasterize(unit, one, background=_BLACK, device=device))
    progress.step(count, count)
    rendering = Rendering(
        np.concatenate([d.colors for d in drawn]),
        np.concatenate([d.alphas for d in drawn]),
        np.concatenate([d.depths for d in drawn]),
    )
    return Views(sphere, cameras, rendering)


def check_cloud(cloud: GaussianCloud) -> None:
    """Refuse clouds that show nothing.

    Raises:
        InvalidRequest: no Gaussians, none opaque enough to be seen, or values that are no numbers.
    """
    if not len(cloud):
        raise InvalidRequest("There are no Gaussians in this cloud.", "Choose another splat file.")
    arrays = (cloud.means, cloud.quats, cloud.scales, cloud.opacities, cloud.sh0, cloud.shN)
    if not all(np.isfinite(array).all() for array in arrays):
        raise InvalidRequest(
            "The cloud has values that are not finite numbers.", "Export it again without them."
        )
    if not (cloud.opacities > VISIBLE_OPACITY).any():
        raise InvalidRequest(
            "The cloud is transparent: there is nothing to see in it.",
            f"At least one Gaussian must have an opacity above {VISIBLE_OPACITY}.",
        )


def _all_around(count: int, size: int) -> Cameras:
    """Fibonacci's spiral: no two cameras near each other, none exactly above."""
    i = np.arange(count) + 0.5
    elevations = np.degrees(np.arcsin(1 - 2 * i / count))
    azimuths = np.degrees(i * np.pi * (3 - 5**0.5))
    return orbit(azimuths, elevations, float(_DISTANCE), _FOV, size)
