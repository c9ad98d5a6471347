"""Renderings of a normalised cloud from all around: the input of mesh and point extraction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...contract.bounds import VISIBLE_OPACITY, Sphere, bounding_sphere
from ...contract.cloud import GaussianCloud
from ...contract.problems import InvalidRequest
from ...gaussians.cameras import Cameras, orbit_cameras
from ...gaussians.numba_jit import Floats, jit
from ...gaussians.rasterize import rasterize
from ...gaussians.rendering import NEAR_PLANE, Rendering
from ...gaussians.unit_sphere import to_unit_sphere
from ...progress import Progress
from ..array_types import Vector

SURFACE_ALPHA = np.float32(0.5)  # a pixel of at least this alpha shows the surface

_FOV = 40.0
_DISTANCE = 1.03 / np.sin(np.radians(_FOV / 2))  # the unit sphere with a margin of 3 %
_OVERHEAD_ELEVATION = 80.0
_GPU_BATCH = 48  # cameras per call on a GPU
_MAX_SLOPE = np.float32(4)  # depth per pixel, in pixel widths: steeper is a depth discontinuity
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ViewSamples:
    """One view looked up at N points.

    Attributes:
        depth_differences: [N] depth of the pixel minus the point's: above 0 the point is in front.
        pixels: [N] flat index of the pixel; 0 where the point projects outside the image.
    """

    depth_differences: NDArray[np.float32]
    pixels: NDArray[np.intp]


@dataclass(frozen=True)
class RenderedViews:
    """Renderings of a cloud in the unit sphere; `sphere` maps back to the asset frame.

    Colours are premultiplied by alpha (over black).
    """

    sphere: Sphere
    cameras: Cameras
    rendering: Rendering

    def __len__(self) -> int:
        return len(self.cameras)

    def joined(self, other: RenderedViews) -> RenderedViews:
        """These and other views of the same cloud and image size."""
        cameras = replace(
            self.cameras,
            viewmats=np.concatenate([self.cameras.viewmats, other.cameras.viewmats]),
            Ks=np.concatenate([self.cameras.Ks, other.cameras.Ks]),
        )
        rendering = Rendering.concatenated([self.rendering, other.rendering])
        return RenderedViews(self.sphere, cameras, rendering)

    @property
    def pixel_size(self) -> float:
        """Width of a pixel at the unit sphere's centre."""
        return _DISTANCE / float(self.cameras.Ks[0, 0, 0])

    def sample(self, index: int, points: NDArray[np.float32]) -> ViewSamples:
        """View `index` at `points` [N, 3] of the unit sphere."""
        view, k = self.cameras.viewmats[index], self.cameras.Ks[index]
        x, y, z = (points @ view[:3, :3].T + view[:3, 3]).T
        z = np.maximum(z, NEAR_PLANE)
        width, height = self.cameras.width, self.cameras.height
        column = np.clip(np.floor(k[0, 0] * x / z + k[0, 2]), -1, width).astype(np.intp)
        row = np.clip(np.floor(k[1, 1] * y / z + k[1, 2]), -1, height).astype(np.intp)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        pixels = np.where(inside, row * width + column, 0)
        return ViewSamples(self.rendering.depths[index].reshape(-1)[pixels] - z, pixels)


@jit()
def surface_normal(depths: Floats, alphas: Floats, k: Floats, row: int, column: int) -> Vector:
    """Unit normal in camera axes, facing the camera, by central differences of depths [H, W].

    Zero at the border, off the surface and at depth discontinuities.

    Args:
        k: [3, 3] intrinsics.
    """
    if not (0 < row < depths.shape[0] - 1 and 0 < column < depths.shape[1] - 1):
        return _ZERO, _ZERO, _ZERO
    z = depths[row, column]
    if alphas[row, column] < SURFACE_ALPHA or z <= 0:
        return _ZERO, _ZERO, _ZERO
    x, y = (column + _HALF - k[0, 2]) / k[0, 0], (row + _HALF - k[1, 2]) / k[1, 1]
    # Change of depth over one pixel, in widths of a pixel at that depth.
    slope_x = _HALF * (depths[row, column + 1] - depths[row, column - 1]) * k[0, 0] / z
    slope_y = _HALF * (depths[row + 1, column] - depths[row - 1, column]) * k[1, 1] / z
    if max(abs(slope_x), abs(slope_y)) > _MAX_SLOPE:
        return _ZERO, _ZERO, _ZERO
    nz = -_ONE - x * slope_x - y * slope_y
    length = np.sqrt(slope_x * slope_x + slope_y * slope_y + nz * nz)
    return np.float32(slope_x / length), np.float32(slope_y / length), np.float32(nz / length)


@dataclass(frozen=True)
class NormalizedCloud:
    """A cloud moved and scaled into the unit sphere; `sphere` maps back to the asset frame."""

    cloud: GaussianCloud
    sphere: Sphere

    @classmethod
    def from_cloud(cls, cloud: GaussianCloud) -> NormalizedCloud:
        """Normalise `cloud` by its robust bounding sphere.

        Raises:
            InvalidRequest: no Gaussian is visible, or values are not finite.
        """
        _check_cloud(cloud)
        sphere = bounding_sphere(cloud)
        return cls(to_unit_sphere(cloud, sphere), sphere)


def render_views(
    subject: NormalizedCloud, cameras: Cameras, device: str, progress: Progress
) -> RenderedViews:
    """Render `subject` from each of `cameras`.

    Raises:
        Cancelled: between two images, or two batches of them on a GPU.
    """
    renderings: list[Rendering] = []
    batch_size = 1 if device == "cpu" else _GPU_BATCH
    for i in range(0, len(cameras), batch_size):
        progress.step(i, len(cameras))
        part = slice(i, i + batch_size)
        batch = replace(cameras, viewmats=cameras.viewmats[part], Ks=cameras.Ks[part])
        renderings.append(rasterize(subject.cloud, batch, background=_BLACK, device=device))
    progress.step(len(cameras), len(cameras))
    return RenderedViews(subject.sphere, cameras, Rendering.concatenated(renderings))


def _check_cloud(cloud: GaussianCloud) -> None:
    """Raise InvalidRequest if no Gaussian is visible or values are not finite."""
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


def fibonacci_cameras(count: int, size: int, overhead: int = 0) -> Cameras:
    """Cameras of `size` pixels a side, evenly spread around the unit sphere (Fibonacci lattice).

    Args:
        overhead: number of additional cameras that look steeply down, into vessels.
    """
    i = np.arange(count) + 0.5
    elevations = np.degrees(np.arcsin(1 - 2 * i / count))
    azimuths = np.degrees(i * np.pi * (3 - 5**0.5))
    elevations = np.append(elevations, np.full(overhead, _OVERHEAD_ELEVATION))
    azimuths = np.append(azimuths, np.linspace(45, 405, overhead, endpoint=False))
    return orbit_cameras(azimuths, elevations, float(_DISTANCE), _FOV, size)
