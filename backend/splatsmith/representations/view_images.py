"""Images with depth maps and cameras, and the surface geometry at their pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..contract.bounds import Sphere
from ..gaussians.cameras import Cameras
from ..gaussians.numba_jit import Floats
from ..gaussians.rendering import NEAR_PLANE

# Depth per pixel, in pixel widths. Beyond the first it is a discontinuity, unless the next pixel
# continues it, as where a surface is seen at a grazing angle; beyond the second it always is.
_SLOPE, _MAX_SLOPE = 4.0, 20.0
_MAX_BEND = 0.3  # difference of two steps that continue each other, as a share of their sum
_TINY = np.finfo(np.float32).tiny

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ViewImages:
    """V views of one size.

    Attributes:
        images: [V, H, W, 3] float32, sRGB, 0..1.
        depths: [V, H, W] float32 z-depths at the pixels' centres.
        masks: [V, H, W] whether a pixel shows a surface; the others show that there is none.
        cameras: V cameras in the asset frame.

    Raises:
        ValueError: an array has another shape.
    """

    images: Floats
    depths: Floats
    masks: Mask
    cameras: Cameras

    def __post_init__(self) -> None:
        shape = (len(self.cameras), self.cameras.height, self.cameras.width)
        shapes = {"images": (*shape, 3), "depths": shape, "masks": shape}
        for name, expected in shapes.items():
            if getattr(self, name).shape != expected:
                raise ValueError(f"{name} are {getattr(self, name).shape}, not {expected}")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def pixel_size(self) -> float:
        """The median distance between neighbouring pixels on the surface."""
        each = (self.view(index) for index in range(len(self)))
        return float(np.sqrt(np.median(np.concatenate([view.areas[view.mask] for view in each]))))

    def normalized(self, sphere: Sphere) -> ViewImages:
        """The same views of a scene moved and scaled so that `sphere` is the unit sphere."""
        viewmats = self.cameras.viewmats.copy()
        viewmats[:, :3, 3] += viewmats[:, :3, :3] @ sphere.center
        viewmats[:, :3, 3] /= np.float32(sphere.radius)
        cameras = replace(self.cameras, viewmats=viewmats)
        return replace(self, depths=self.depths / np.float32(sphere.radius), cameras=cameras)

    def view(self, index: int) -> View:
        cameras = self.cameras
        arrays = (self.images[index], self.depths[index], self.masks[index])
        return View(*arrays, cameras.viewmats[index], cameras.Ks[index])


@dataclass(frozen=True)
class View:
    """One view: image [H, W, 3], depth and mask [H, W], viewmat [4, 4], k [3, 3]."""

    image: Floats
    depth: Floats
    mask: Mask
    viewmat: Floats
    k: Floats

    @cached_property
    def points(self) -> Floats:
        """[H, W, 3] what the pixels' centres show, in the asset frame."""
        return self._to_asset(self.depth[..., None] * self._rays - self.viewmat[:3, 3])

    @cached_property
    def steps(self) -> tuple[Floats, Floats]:
        """[H, W, 3] each: from a pixel to the next one right, and down, on the tangent plane."""
        by_column, by_row = self._depth_steps
        right, down = by_column[..., None] * self._rays, by_row[..., None] * self._rays
        right[..., 0] += self.depth / self.k[0, 0]
        down[..., 1] += self.depth / self.k[1, 1]
        return self._to_asset(right), self._to_asset(down)

    @cached_property
    def area_normals(self) -> Floats:
        """[H, W, 3] normals towards the camera, as long as a pixel's area on the surface."""
        right, down = self.steps
        return np.cross(down, right)

    @cached_property
    def areas(self) -> Floats:
        """[H, W] a pixel's area on the surface."""
        return np.maximum(np.linalg.norm(self.area_normals, axis=-1), _TINY)

    @cached_property
    def depth_range(self) -> Floats:
        """[H, W] how much the depth changes within a pixel."""
        by_column, by_row = self._depth_steps
        return np.abs(by_column) + np.abs(by_row)

    @cached_property
    def _rays(self) -> Floats:
        """[H, W, 3] in camera axes, of z-depth 1."""
        height, width = self.depth.shape
        rays = np.ones((height, width, 3), np.float32)
        rays[..., 0] = (np.arange(width) + 0.5 - self.k[0, 2]) / self.k[0, 0]
        rays[..., 1] = ((np.arange(height) + 0.5 - self.k[1, 2]) / self.k[1, 1])[:, None]
        return rays

    @cached_property
    def _depth_steps(self) -> tuple[Floats, Floats]:
        """[H, W] each: change of the depth to the next column, and to the next row."""
        by_column = _differences(self.depth, self.mask, float(self.k[0, 0]))
        by_row = _differences(self.depth.T, self.mask.T, float(self.k[1, 1])).T
        return by_column, by_row

    def pixels_of(
        self, points: Floats, absolute: float = 0.0, relative: float = 0.0
    ) -> NDArray[np.intp]:
        """[N] flat index of the pixel that shows each of `points` [N, 3]; -1 where none does.

        Args:
            absolute, relative: how far the point's depth may differ from its pixel's, besides the
                change of depth within the pixel.
        """
        x, y, z = (points @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]).T
        positive = np.maximum(z, NEAR_PLANE)
        height, width = self.depth.shape
        k = self.k
        column = np.clip(np.floor(k[0, 0] * x / positive + k[0, 2]), -1, width).astype(np.intp)
        row = np.clip(np.floor(k[1, 1] * y / positive + k[1, 2]), -1, height).astype(np.intp)
        inside = (z > NEAR_PLANE) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        pixels = np.where(inside, row * width + column, 0)
        gaps = np.abs(self.depth.reshape(-1)[pixels] - z)
        near = gaps <= absolute + relative * z + self.depth_range.reshape(-1)[pixels]
        return np.where(inside & near & self.mask.reshape(-1)[pixels], pixels, -1)

    def _to_asset(self, vectors: Floats) -> Floats:
        return vectors @ self.viewmat[:3, :3]


def _differences(depth: Floats, mask: Mask, focal: float) -> Floats:
    """[H, W] change of depth per column: the mean of both sides', less those at discontinuities."""
    steps = np.diff(depth, axis=1)
    slopes = np.abs(steps) * focal  # times the depth
    nearer = np.minimum(depth[:, 1:], depth[:, :-1])
    continues = np.abs(np.diff(steps, axis=1)) <= _MAX_BEND * np.abs(steps[:, 1:] + steps[:, :-1])
    steady = np.zeros_like(mask[:, 1:])
    steady[:, 1:] |= continues
    steady[:, :-1] |= continues
    valid = mask[:, 1:] & mask[:, :-1] & (steady | (slopes <= _SLOPE * nearer))
    valid &= slopes <= _MAX_SLOPE * nearer
    steps = np.where(valid, steps, np.float32(0))
    total: Floats = np.zeros_like(depth)
    count: Floats = np.zeros_like(depth)
    for columns in (slice(None, -1), slice(1, None)):
        total[:, columns] += steps
        count[:, columns] += valid
    return np.divide(total, np.maximum(count, np.float32(1)), dtype=np.float32)
