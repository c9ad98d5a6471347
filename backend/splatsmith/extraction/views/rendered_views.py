"""The cloud seen from all around: what both meshes and points are taken from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...contract.bounds import VISIBLE_OPACITY, Sphere, bounding_sphere
from ...contract.cloud import GaussianCloud
from ...contract.problems import InvalidRequest
from ...gaussians.cameras import Cameras, orbit_cameras
from ...gaussians.numba_jit import Floats, Number, jit
from ...gaussians.rasterize import rasterize
from ...gaussians.rendering import NEAR_PLANE, Rendering
from ...gaussians.unit_sphere import to_unit_sphere
from ...progress import Progress

_FOV = 40.0
_DISTANCE = 1.03 / np.sin(np.radians(_FOV / 2))  # the unit sphere with a little room
_STEEP_ELEVATION = 80.0
_AT_ONCE = 48  # pictures from one copy of the cloud on a GPU
_SOLID = np.float32(0.5)  # a pixel of this alpha shows the surface
_STEEP = np.float32(4)  # pixels' widths of depth in a pixel: two surfaces, not one
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ViewSamples:
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
class RenderedViews:
    """Pictures of a cloud that was brought into the unit sphere; `sphere` leads back.

    colors are over black, that is premultiplied by alphas.
    """

    sphere: Sphere
    cameras: Cameras
    rendering: Rendering

    def __len__(self) -> int:
        return len(self.cameras)

    def joined(self, other: RenderedViews) -> RenderedViews:
        """These and others of the same cloud and picture size."""
        cameras = replace(
            self.cameras,
            viewmats=np.concatenate([self.cameras.viewmats, other.cameras.viewmats]),
            Ks=np.concatenate([self.cameras.Ks, other.cameras.Ks]),
        )
        return RenderedViews(
            self.sphere, cameras, Rendering.concatenated([self.rendering, other.rendering])
        )

    @property
    def pixel(self) -> float:
        """The width of a pixel at the unit sphere's centre."""
        return _DISTANCE / float(self.cameras.Ks[0, 0, 0])

    def sight(self, index: int, points: NDArray[np.float32], tolerance: float) -> ViewSamples:
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
        return ViewSamples(inside & solid & (np.abs(gap) <= tolerance), gap, pixels)


@jit()
def surface_normal(
    depths: Floats, alphas: Floats, k: Floats, pixel: tuple[int, int]
) -> tuple[Number, Number, Number]:
    """Along the camera's axes, towards it; zero where no surface is or it is too steep.

    From the depths [H, W] of the pixel's four neighbours.
    """
    row, column = pixel
    if not (0 < row < depths.shape[0] - 1 and 0 < column < depths.shape[1] - 1):
        return _ZERO, _ZERO, _ZERO
    z = depths[row, column]
    if alphas[row, column] < _SOLID or z <= 0:
        return _ZERO, _ZERO, _ZERO
    x, y = (column + _HALF - k[0, 2]) / k[0, 0], (row + _HALF - k[1, 2]) / k[1, 1]
    # The depth's change over a pixel, against the pixel's own width at that depth.
    across = _HALF * (depths[row, column + 1] - depths[row, column - 1]) * k[0, 0] / z
    along = _HALF * (depths[row + 1, column] - depths[row - 1, column]) * k[1, 1] / z
    if max(abs(across), abs(along)) > _STEEP:
        return _ZERO, _ZERO, _ZERO
    nz = -_ONE - x * across - y * along
    length = np.sqrt(across * across + along * along + nz * nz)
    return np.float32(across / length), np.float32(along / length), np.float32(nz / length)


@dataclass(frozen=True)
class NormalizedCloud:
    """A cloud brought into the unit sphere; `sphere` leads back."""

    cloud: GaussianCloud
    sphere: Sphere

    @classmethod
    def of(cls, cloud: GaussianCloud) -> NormalizedCloud:
        """Raises InvalidRequest: there is nothing to see in the cloud."""
        check_cloud(cloud)
        sphere = bounding_sphere(cloud)
        return cls(to_unit_sphere(cloud, sphere), sphere)


def render_views(
    subject: NormalizedCloud, cameras: Cameras, device: str, progress: Progress
) -> RenderedViews:
    """Draw the subject as `cameras` see it.

    Raises:
        Cancelled: between two pictures, or a few on a GPU.
    """
    drawn: list[Rendering] = []
    at_once = 1 if device == "cpu" else _AT_ONCE
    for i in range(0, len(cameras), at_once):
        progress.step(i, len(cameras))
        few = slice(i, i + at_once)
        some = replace(cameras, viewmats=cameras.viewmats[few], Ks=cameras.Ks[few])
        drawn.append(rasterize(subject.cloud, some, background=_BLACK, device=device))
    progress.step(len(cameras), len(cameras))
    return RenderedViews(subject.sphere, cameras, Rendering.concatenated(drawn))


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


def fibonacci_cameras(count: int, size: int, above: int = 0) -> Cameras:
    """Fibonacci's spiral: no two cameras near each other, none exactly above.

    Args:
        above: so many more cameras look steeply down, into vessels.
    """
    i = np.arange(count) + 0.5
    elevations = np.degrees(np.arcsin(1 - 2 * i / count))
    azimuths = np.degrees(i * np.pi * (3 - 5**0.5))
    elevations = np.append(elevations, np.full(above, _STEEP_ELEVATION))
    azimuths = np.append(azimuths, np.linspace(45, 405, above, endpoint=False))
    return orbit_cameras(azimuths, elevations, float(_DISTANCE), _FOV, size)
