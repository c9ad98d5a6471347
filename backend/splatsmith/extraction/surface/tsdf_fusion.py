"""Depth maps fused into a truncated signed distance volume (Curless and Levoy 1996), by blocks."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numba
import numpy as np

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ...progress import Progress
from ..array_types import Indices, Mask, Vector
from ..views.rendered_views import SURFACE_ALPHA, RenderedViews, surface_normal
from .sparse_volume import (
    BLOCK_SIZE,
    INSIDE,
    OUTSIDE,
    UNKNOWN,
    GridFrame,
    SparseVolume,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)

log = logging.getLogger(__name__)

TRUNCATION = 3.0  # voxels: distances are truncated beyond, in front of the surface
_BEHIND = np.float32(-0.4)  # and behind it, in truncations: thin parts' far sides must not count
_OFFSET = np.float32(0.1)  # truncations by which the surface is moved inwards: sheets get two sides
_BACKGROUND_ALPHA = np.float32(0.25)
# Weight of observations needed for each camera from which a point is occluded: rays that pass
# through gaps between Gaussians must not carve holes. By the share of translucent pixels, since
# soft clouds have more gaps.
_CARVING_WEIGHTS = (0.02, 0.2)
_TRANSLUCENT_SHARES = (0.09, 0.15)
_TRANSLUCENT_ALPHAS = (0.1, 0.9)
_NEAR = np.float32(0.01)
_PARTS = 16  # between which fusion can be cancelled
_TILE = 8  # pixels

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_NAN = np.float32(np.nan)

_DEPTH, _ALPHA, _FACING = 0, 1, 2  # channels of pixels
_NEAREST, _FARTHEST, _EMPTY, _AMBIGUOUS = 0, 1, 2, 3  # channels of tiles


class _DepthMaps(NamedTuple):
    """C depth maps.

    pixels: [C, H, W, 3] depth, alpha, and cosine between normal and optical axis.
    tiles: [C, h, w, 4] nearest and farthest depth of the tile's pixels, and whether some are empty
        or ambiguous.
    """

    viewmats: Floats  # [C, 4, 4]
    Ks: Floats  # [C, 3, 3]
    pixels: Floats
    tiles: Floats


class _Observations(NamedTuple):
    """What cameras observe at a point."""

    weighted_sum: np.float32  # of truncated distances
    weight: np.float32
    occluded: np.float32  # number of cameras that see a surface in front of the point


class _UnknownRule(NamedTuple):
    """What a point is that the surface occludes from some cameras."""

    carving_weight: np.float32  # for each of them, from which on observed distances count
    value: np.float32  # otherwise


def fuse_depths(
    views: RenderedViews, grid: VoxelGrid, closed: bool, progress: Progress
) -> SparseVolume:
    """Truncated signed distances, in truncations, to the surface in the views' depth maps.

    Args:
        closed: whether points that no camera observes are inside; else they are unknown.

    Raises:
        Cancelled: between two parts of the work.
    """
    maps = _depth_maps(views)
    unknown = _UnknownRule(_carving_weight(views), -_ONE) if closed else _UnknownRule(_ZERO, _NAN)
    index = np.empty(grid.blocks, np.int32)
    _classify_blocks(index, grid.frame, maps, unknown)
    requested = np.zeros(grid.blocks, np.bool_)
    marking, filling = progress.part(progress.stage, 0, 0.3), progress.part(progress.stage, 0.3, 1)
    for camera in range(len(views)):
        marking.step(camera, len(views))
        _request_surface_blocks(requested, grid.frame, maps, camera)

    def fill(coords: Indices, _codes: Indices) -> Floats:
        values = np.empty((len(coords), BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE), np.float32)
        parts = np.array_split(np.arange(len(coords)), _PARTS)
        for i, part in enumerate(part for part in parts if len(part)):
            filling.step(i, _PARTS)
            chosen = slice(part[0], part[-1] + 1)
            _fuse_blocks(values[chosen], coords[chosen], grid.frame, maps, unknown)
        return values

    return allocate_blocks(uniform_volume(grid, index), requested, fill)


def _carving_weight(views: RenderedViews) -> np.float32:
    alphas = views.rendering.alphas
    low, high = _TRANSLUCENT_ALPHAS
    translucent = np.count_nonzero((alphas > low) & (alphas < high))
    share = translucent / max(np.count_nonzero(alphas > low), 1)
    log.info("%.0f %% of the pixels are translucent", 100 * share)
    return np.float32(np.interp(share, _TRANSLUCENT_SHARES, _CARVING_WEIGHTS))


def _depth_maps(views: RenderedViews) -> _DepthMaps:
    rendering, cameras = views.rendering, views.cameras
    pixels = _pack_pixels(rendering.depths, rendering.alphas, cameras.Ks)
    return _DepthMaps(cameras.viewmats, cameras.Ks, pixels, _summarize_tiles(pixels))


@jit(parallel=True)
def _pack_pixels(depths: Floats, alphas: Floats, ks: Floats) -> Floats:
    count, height, width = depths.shape
    pixels = np.empty((count, height, width, 3), np.float32)
    for i in numba.prange(count * height):
        c, row = i // height, i % height
        for column in range(width):
            normal = surface_normal(depths[c], alphas[c], ks[c], row, column)
            pixels[c, row, column, _DEPTH] = depths[c, row, column]
            pixels[c, row, column, _ALPHA] = alphas[c, row, column]
            pixels[c, row, column, _FACING] = -normal[2]
    return pixels


@jit(parallel=True)
def _summarize_tiles(pixels: Floats) -> Floats:
    count, height, width, _ = pixels.shape
    tiles = np.zeros((count, -(-height // _TILE), -(-width // _TILE), 4), np.float32)
    tiles[..., _NEAREST] = np.inf
    for c in numba.prange(count):
        for row in range(height):
            for column in range(width):
                tile, pixel = tiles[c, row // _TILE, column // _TILE], pixels[c, row, column]
                if pixel[_ALPHA] <= _BACKGROUND_ALPHA:
                    tile[_EMPTY] = 1
                    continue
                tile[_NEAREST] = min(tile[_NEAREST], pixel[_DEPTH])
                tile[_FARTHEST] = max(tile[_FARTHEST], pixel[_DEPTH])
                if pixel[_ALPHA] < SURFACE_ALPHA or pixel[_FACING] == 0:
                    tile[_AMBIGUOUS] = 1
    return tiles


@jit(parallel=True)
def _classify_blocks(
    index: Indices, frame: GridFrame, maps: _DepthMaps, unknown: _UnknownRule
) -> None:
    """Classify each block by its centre, as if no surface ran through it."""
    origin, voxel_size = frame.origin, frame.voxel_size
    nx, ny, nz = index.shape
    middle = _HALF * (BLOCK_SIZE - 1)
    cameras = np.arange(len(maps.viewmats))
    for x in numba.prange(nx):
        for y in range(ny):
            for z in range(nz):
                center = (
                    origin[0] + voxel_size * np.float32(BLOCK_SIZE * x + middle),
                    origin[1] + voxel_size * np.float32(BLOCK_SIZE * y + middle),
                    origin[2] + voxel_size * np.float32(BLOCK_SIZE * z + middle),
                )
                found = _Observations(_ZERO, _ZERO, _ZERO)
                truncation = np.float32(TRUNCATION) * voxel_size
                found = _observe_point(center, maps, cameras, found, truncation)
                distance = _fused_distance(found, unknown)
                if distance > 0:
                    index[x, y, z] = OUTSIDE
                else:
                    index[x, y, z] = INSIDE if distance < 0 else UNKNOWN


@jit(parallel=True)
def _request_surface_blocks(
    requested: Mask, frame: GridFrame, maps: _DepthMaps, camera: int
) -> None:
    """Request the blocks within the truncation of the surface points that one camera sees."""
    origin, voxel_size = frame.origin, frame.voxel_size
    view, k = maps.viewmats[camera], maps.Ks[camera]
    pixels = maps.pixels[camera]
    edge, truncation = voxel_size * BLOCK_SIZE, voxel_size * np.float32(TRUNCATION)
    for row in numba.prange(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            if pixels[row, column, _ALPHA] < SURFACE_ALPHA:
                continue
            z = pixels[row, column, _DEPTH]
            x = (column + _HALF - k[0, 2]) / k[0, 0] * z - view[0, 3]
            y = (row + _HALF - k[1, 2]) / k[1, 1] * z - view[1, 3]
            z -= view[2, 3]
            low, high = np.empty(3, np.int64), np.empty(3, np.int64)
            for axis in range(3):
                at = view[0, axis] * x + view[1, axis] * y + view[2, axis] * z - origin[axis]
                low[axis] = max(0, int(np.floor((at - truncation) / edge)))
                last = requested.shape[axis] - 1
                high[axis] = min(last, int(np.floor((at + truncation) / edge)))
            for i in range(low[0], high[0] + 1):
                for j in range(low[1], high[1] + 1):
                    for h in range(low[2], high[2] + 1):
                        requested[i, j, h] = True


@jit(parallel=True)
def _fuse_blocks(
    values: Floats, coords: Indices, frame: GridFrame, maps: _DepthMaps, unknown: _UnknownRule
) -> None:
    origin, voxel_size = frame.origin, frame.voxel_size
    truncation = np.float32(TRUNCATION) * voxel_size
    half = np.float32(0.5 * (BLOCK_SIZE - 1)) * voxel_size
    for b in numba.prange(len(coords)):
        center = np.empty(3, np.float32)
        for axis in range(3):
            first = np.float32(coords[b, axis] * BLOCK_SIZE)
            center[axis] = origin[axis] + voxel_size * first + half
        radius = half * np.float32(np.sqrt(3))
        common, cameras = _observe_ball(center, radius, maps, truncation)
        for i in range(BLOCK_SIZE):
            x = origin[0] + voxel_size * np.float32(coords[b, 0] * BLOCK_SIZE + i)
            for j in range(BLOCK_SIZE):
                y = origin[1] + voxel_size * np.float32(coords[b, 1] * BLOCK_SIZE + j)
                for k in range(BLOCK_SIZE):
                    z = origin[2] + voxel_size * np.float32(coords[b, 2] * BLOCK_SIZE + k)
                    found = _observe_point((x, y, z), maps, cameras, common, truncation)
                    values[b, i, j, k] = _fused_distance(found, unknown)


@jit()
def _fused_distance(found: _Observations, unknown: _UnknownRule) -> np.float32:
    if found.weight > unknown.carving_weight * found.occluded:
        return found.weighted_sum / found.weight
    return unknown.value if found.occluded > 0 else _ONE


@jit()
def _observe_ball(
    center: Floats, radius: np.float32, maps: _DepthMaps, truncation: np.float32
) -> tuple[_Observations, Integers]:
    """Observations shared by all points of a ball; and the cameras that differ among them."""
    total, weight, occluded = _ZERO, _ZERO, _ZERO
    height, width = maps.pixels.shape[1], maps.pixels.shape[2]
    others = np.empty(len(maps.viewmats), np.int64)
    count = 0
    for c in range(len(maps.viewmats)):
        x, y, depth = _to_camera(maps.viewmats[c], center[0], center[1], center[2])
        others[count] = c
        if depth - radius < _NEAR:
            count += 1
            continue
        k = maps.Ks[c]
        column, row = k[0, 0] * x / depth + k[0, 2], k[1, 1] * y / depth + k[1, 2]
        around = k[0, 0] * radius / (depth - radius) + _ONE
        left, right = int(np.floor(column - around)), int(np.floor(column + around))
        top, bottom = int(np.floor(row - around)), int(np.floor(row + around))
        if right < 0 or bottom < 0 or left >= width or top >= height:
            continue
        if left < 0 or top < 0 or right >= width or bottom >= height:
            count += 1
            continue
        near, far, empty, ambiguous = np.float32(np.inf), _ZERO, _ZERO, _ZERO
        for v in range(top // _TILE, bottom // _TILE + 1):
            for u in range(left // _TILE, right // _TILE + 1):
                tile = maps.tiles[c, v, u]
                near, far = min(near, tile[_NEAREST]), max(far, tile[_FARTHEST])
                empty, ambiguous = max(empty, tile[_EMPTY]), max(ambiguous, tile[_AMBIGUOUS])
        if far == 0 and empty > 0:
            total, weight = total + _ONE, weight + _ONE
        elif empty == 0 and ambiguous == 0 and depth - radius > far - _BEHIND * truncation:
            occluded += _ONE
        elif empty == 0 and ambiguous == 0 and depth + radius < near - truncation:
            total, weight = total + _HALF, weight + _HALF
        else:
            count += 1
    return _Observations(total, weight, occluded), others[:count]


@jit()
def _to_camera(view: Floats, x: Number, y: Number, z: Number) -> Vector:
    return (
        view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3],
        view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3],
        view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3],
    )


@jit()
def _observe_point(
    point: Vector,
    maps: _DepthMaps,
    cameras: Integers,
    found: _Observations,
    truncation: np.float32,
) -> _Observations:
    """`found` with the observations of `cameras` at a point added."""
    pixels = maps.pixels
    per_truncation = _ONE / truncation
    total, weight, occluded = found.weighted_sum, found.weight, found.occluded
    for c in cameras:
        k = maps.Ks[c]
        x, y, depth = _to_camera(maps.viewmats[c], point[0], point[1], point[2])
        if depth < _NEAR:
            continue
        per_depth = _ONE / depth
        column = int(np.floor(k[0, 0] * x * per_depth + k[0, 2]))
        row = int(np.floor(k[1, 1] * y * per_depth + k[1, 2]))
        if not (0 <= column < pixels.shape[2] and 0 <= row < pixels.shape[1]):
            continue
        pixel = pixels[c, row, column]
        distance = (pixel[_DEPTH] - depth) * per_truncation
        if pixel[_ALPHA] >= SURFACE_ALPHA and distance < _BEHIND:
            occluded += _ONE
            continue
        value, trust = _observe_pixel(distance, pixel[_ALPHA], pixel[_FACING])
        total += trust * value
        weight += trust
    return _Observations(total, weight, occluded)


@jit()
def _observe_pixel(distance: Number, alpha: Number, facing: Number) -> tuple[Number, Number]:
    """Truncated distance, in truncations, of a point in front of a pixel's surface; its weight."""
    if alpha <= _BACKGROUND_ALPHA:
        return _ONE, _ONE
    if alpha < SURFACE_ALPHA or facing == 0:
        return _ZERO, _ZERO
    if distance >= _ONE:
        return _ONE, _HALF
    fading = min(_ONE, _ONE - distance / _BEHIND)
    return distance - _OFFSET, facing * facing * alpha * fading
