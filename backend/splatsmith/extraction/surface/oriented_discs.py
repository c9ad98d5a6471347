"""Flat Gaussians as discs, and the signed distance to those whose outer side is known.

The distance is the mean of the distances to the discs' planes, weighted by the Gaussians in their
planes (Shen et al. 2004, "Interpolating and approximating implicit surfaces from polygon soup").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...contract.cloud import GaussianCloud
from ...contract.transform import rotation_matrices
from ...gaussians.numba_jit import Floats, jit
from ..array_types import Indices, Mask
from .sparse_volume import BLOCK_SIZE, GridFrame, VolumeArrays

_OPAQUE = 0.3  # least opacity
_FLATNESS = 0.2  # of the shortest to the middle axis, in most Gaussians of a cloud of surfaces
_HAZE = 8.0  # times the median size: so large a Gaussian is no part of a surface
_RADIUS = np.float32(3)  # standard deviations
_HALF = np.float32(0.5)


@dataclass(frozen=True)
class Discs:
    """N discs in the unit sphere.

    Attributes:
        centers: [N, 3].
        normals: [N, 3] unit vectors, to the outer side where it is known.
        spans: [N, 2, 3] axes in the plane, divided by their standard deviations.
        sizes: [N, 2] these standard deviations.
    """

    centers: Floats
    normals: Floats
    spans: Floats
    sizes: Floats

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def areas(self) -> Floats:
        return self.sizes[:, 0] * self.sizes[:, 1]

    def oriented(self, chosen: Indices, signs: Floats) -> Discs:
        """The `chosen` ones [M], their normals turned by `signs` [M]."""
        turned = self.normals[chosen] * signs[:, None]
        return Discs(self.centers[chosen], turned, self.spans[chosen], self.sizes[chosen])

    def extents(self, thickness: float) -> Floats:
        """[N, 3] half the bounding boxes, of the discs as thick as that on both sides."""
        axes = self.spans * (self.sizes**2)[..., None]  # times the standard deviations
        radii = _RADIUS * np.sqrt((axes**2).sum(axis=1))
        return (radii + thickness * np.abs(self.normals)).astype(np.float32)


def surface_discs(cloud: GaussianCloud) -> Discs | None:
    """The opaque Gaussians as discs; None if most are not flat."""
    sizes = np.sort(cloud.scales, axis=1)
    chosen = cloud.opacities > _OPAQUE
    if not chosen.any():
        return None
    flatness = sizes[chosen, 0] / np.maximum(sizes[chosen, 1], 1e-30)
    if float(np.median(flatness)) > _FLATNESS:
        return None
    chosen &= sizes[:, 2] <= _HAZE * np.median(sizes[chosen, 2])
    cloud = cloud.select(np.flatnonzero(chosen))
    order = np.argsort(cloud.scales, axis=1)
    axes = np.take_along_axis(rotation_matrices(cloud.quats), order[:, None], axis=2)
    axes = axes.transpose(0, 2, 1).astype(np.float32)  # by rows, the shortest first
    in_plane = np.maximum(np.take_along_axis(cloud.scales, order, axis=1)[:, 1:], np.float32(1e-6))
    spans = (axes[:, 1:] / in_plane[..., None]).astype(np.float32)
    return Discs(cloud.means, axes[:, 0].copy(), spans, in_plane)


class _DiscArrays(NamedTuple):
    """Discs as compiled loops take them; see `Discs`."""

    centers: Floats
    normals: Floats
    spans: Floats
    extents: Floats

    @classmethod
    def of(cls, discs: Discs, thickness: float) -> _DiscArrays:
        return cls(discs.centers, discs.normals, discs.spans, discs.extents(thickness))


def mark_cells(marked: Mask, frame: GridFrame, discs: Discs, thickness: float) -> None:
    """Mark the cells whose centres lie within `thickness` of a disc, above or below it."""
    _mark(marked, frame, _DiscArrays.of(discs, thickness), np.float32(thickness))


def signed_distances(
    volume: VolumeArrays, frame: GridFrame, discs: Discs, thickness: float
) -> Floats:
    """[M, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE] to the discs that are near; NaN where none is."""
    sums = np.zeros(volume.values.shape, np.float32)
    weights = np.zeros(volume.values.shape, np.float32)
    arrays = _DiscArrays.of(discs, thickness)
    _add(volume.index, frame, arrays, np.float32(thickness), sums, weights)
    return np.where(weights > 0, sums / np.maximum(weights, 1e-12), np.nan).astype(np.float32)


@jit()
def _cells(frame: GridFrame, center: Floats, extent: Floats, shape: Indices) -> Indices:
    """[3, 2] first and last index, along each axis, of the grid's points in a box."""
    ends = np.empty((3, 2), np.int32)
    for axis in range(3):
        at = (center[axis] - frame.origin[axis]) / frame.voxel_size
        reach = extent[axis] / frame.voxel_size
        ends[axis, 0] = max(0, int(np.ceil(at - reach)))
        ends[axis, 1] = min(shape[axis] - 1, int(np.floor(at + reach)))
    return ends


@jit()
def _locate(arrays: _DiscArrays, g: int, point: Floats) -> tuple[float, float]:
    """Height of a point over disc `g`; squared distance in the plane, in standard deviations."""
    centers, normals, spans = arrays.centers, arrays.normals, arrays.spans
    dx, dy, dz = point[0] - centers[g, 0], point[1] - centers[g, 1], point[2] - centers[g, 2]
    height = normals[g, 0] * dx + normals[g, 1] * dy + normals[g, 2] * dz
    u = spans[g, 0, 0] * dx + spans[g, 0, 1] * dy + spans[g, 0, 2] * dz
    v = spans[g, 1, 0] * dx + spans[g, 1, 1] * dy + spans[g, 1, 2] * dz
    return height, u * u + v * v


@jit()
def _mark(marked: Mask, frame: GridFrame, arrays: _DiscArrays, thickness: np.float32) -> None:
    shape = np.array(marked.shape).astype(np.int32)
    point = np.empty(3, np.float32)
    for g in range(len(arrays.centers)):
        ends = _cells(frame, arrays.centers[g], arrays.extents[g], shape)
        for x in range(ends[0, 0], ends[0, 1] + 1):
            point[0] = frame.origin[0] + frame.voxel_size * x
            for y in range(ends[1, 0], ends[1, 1] + 1):
                point[1] = frame.origin[1] + frame.voxel_size * y
                for z in range(ends[2, 0], ends[2, 1] + 1):
                    point[2] = frame.origin[2] + frame.voxel_size * z
                    if marked[x, y, z]:
                        continue
                    height, squared = _locate(arrays, g, point)
                    marked[x, y, z] = abs(height) <= thickness and squared <= _RADIUS * _RADIUS


@jit()
def _add(
    index: Indices,
    frame: GridFrame,
    arrays: _DiscArrays,
    thickness: np.float32,
    sums: Floats,
    weights: Floats,
) -> None:
    shape = (np.array(index.shape) * BLOCK_SIZE).astype(np.int32)
    point = np.empty(3, np.float32)
    for g in range(len(arrays.centers)):
        ends = _cells(frame, arrays.centers[g], arrays.extents[g], shape)
        for x in range(ends[0, 0], ends[0, 1] + 1):
            point[0] = frame.origin[0] + frame.voxel_size * x
            for y in range(ends[1, 0], ends[1, 1] + 1):
                point[1] = frame.origin[1] + frame.voxel_size * y
                for z in range(ends[2, 0], ends[2, 1] + 1):
                    block = index[x >> 3, y >> 3, z >> 3]
                    if block < 0:
                        continue
                    point[2] = frame.origin[2] + frame.voxel_size * z
                    height, squared = _locate(arrays, g, point)
                    if abs(height) <= thickness and squared <= _RADIUS * _RADIUS:
                        # Far from its plane, a disc gives way to others at corners.
                        away = _RADIUS * height / thickness
                        weight = np.exp(-_HALF * (squared + away * away))
                        sums[block, x & 7, y & 7, z & 7] += weight * height
                        weights[block, x & 7, y & 7, z & 7] += weight
