"""Depth pictures fused into truncated signed distances (Curless and Levoy 1996), block by block."""

from __future__ import annotations

import logging

import numba
import numpy as np

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ...progress import Progress
from ..views.rendered_views import RenderedViews, surface_normal
from .sparse_volume import (
    BLOCK_SIZE,
    INSIDE,
    OUTSIDE,
    UNKNOWN,
    Indices,
    Mask,
    SparseVolume,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)

log = logging.getLogger(__name__)

REACH = 3.0  # voxels in front of the surface in which distances are kept
_BEHIND = np.float32(-0.4)  # and behind it, in reaches: the far side of thin parts must not count
_SKIN = np.float32(0.1)  # reaches by which a surface lies inside: sheets get two sides
_EMPTY, _SOLID = np.float32(0.25), np.float32(0.5)  # alphas of background and of surface
# Weight, for each camera that a point is hidden from, that makes it free: a look through a chink
# between two Gaussians must not bore a hole. Hard surfaces have few chinks, soft ones many.
_CHINKS = (0.02, 0.2)
_SOFT = (0.09, 0.15)  # share of pixels neither full nor empty, of all that show anything
_NEAR = np.float32(0.01)
_PARTS = 16  # between which fusing can be cancelled

_NOTHING, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_NAN = np.float32(np.nan)

# viewmats [C, 4, 4], Ks [C, 3, 3], for every pixel [C, H, W, 3] its DEPTH, ALPHA and FACING, and
# for every tile [C, h, w, 4] the NEAREST and FARTHEST depth, and if pixels are EMPTY or UNSURE
Evidence = tuple[Floats, Floats, Floats, Floats]
DEPTH, ALPHA, FACING = 0, 1, 2
NEAREST, FARTHEST, EMPTY, UNSURE = 0, 1, 2, 3
Votes = tuple[np.float32, np.float32, np.float32]  # sum, weight, cameras that it is hidden from
Doubt = tuple[np.float32, np.float32]  # weight for each hidden camera that makes free; else what
_TILE = 8
Frame = tuple[Floats, np.float32]  # the lattice's origin [3] and voxel


def fuse_depths(
    views: RenderedViews, lattice: VoxelGrid, closed: bool, progress: Progress
) -> SparseVolume:
    """Distances to the surface that `views` show.

    Args:
        closed: whether places that nobody looks into are inside; else they are unknown.

    Raises:
        Cancelled: between two parts of the work.
    """
    evidence = _evidence(views)
    frame = (lattice.origin, np.float32(lattice.voxel))
    doubt = (_chink(views), -_ONE) if closed else (_NOTHING, _NAN)
    index = _classify(lattice, frame, evidence, doubt)
    wanted = np.zeros(lattice.blocks, np.bool_)
    marking, filling = progress.part(progress.stage, 0, 0.3), progress.part(progress.stage, 0.3, 1)
    for i in range(len(views)):
        marking.step(i, len(views))
        _mark_surface(wanted, frame, evidence, i)

    def fill(places: Indices, _codes: Indices) -> Floats:
        values = np.empty((len(places), BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE), np.float32)
        parts = np.array_split(np.arange(len(places)), _PARTS)
        for i, part in enumerate(part for part in parts if len(part)):
            filling.step(i, _PARTS)
            chosen = slice(part[0], part[-1] + 1)
            _fuse_blocks(values[chosen], places[chosen], frame, evidence, doubt)
        return values

    return allocate_blocks(uniform_volume(lattice, index), wanted, fill)


def _chink(views: RenderedViews) -> np.float32:
    alphas = views.rendering.alphas
    half = np.count_nonzero((alphas > 0.1) & (alphas < 0.9))
    share = half / max(np.count_nonzero(alphas > 0.1), 1)
    log.info("%.0f %% of the pixels are neither full nor empty", 100 * share)
    return np.float32(np.interp(share, _SOFT, _CHINKS))


def _evidence(views: RenderedViews) -> Evidence:
    rendering, cameras = views.rendering, views.cameras
    pixels = _pixels(rendering.depths, rendering.alphas, cameras.Ks)
    return cameras.viewmats, cameras.Ks, pixels, _summarise(pixels)


@jit(parallel=True)
def _pixels(depths: Floats, alphas: Floats, ks: Floats) -> Floats:
    count, height, width = depths.shape
    pixels = np.empty((count, height, width, 3), np.float32)
    for i in numba.prange(count * height):
        c, row = i // height, i % height
        for column in range(width):
            normal = surface_normal(depths[c], alphas[c], ks[c], (row, column))
            pixels[c, row, column, DEPTH] = depths[c, row, column]
            pixels[c, row, column, ALPHA] = alphas[c, row, column]
            pixels[c, row, column, FACING] = -normal[2]
    return pixels


@jit(parallel=True)
def _summarise(pixels: Floats) -> Floats:
    """The tiles of `pixels`."""
    count, height, width, _ = pixels.shape
    tiles = np.zeros((count, -(-height // _TILE), -(-width // _TILE), 4), np.float32)
    tiles[..., NEAREST] = np.inf
    for c in numba.prange(count):
        for row in range(height):
            for column in range(width):
                tile, pixel = tiles[c, row // _TILE, column // _TILE], pixels[c, row, column]
                if pixel[ALPHA] <= _EMPTY:
                    tile[EMPTY] = 1
                    continue
                tile[NEAREST] = min(tile[NEAREST], pixel[DEPTH])
                tile[FARTHEST] = max(tile[FARTHEST], pixel[DEPTH])
                if pixel[ALPHA] < _SOLID or pixel[FACING] == 0:
                    tile[UNSURE] = 1
    return tiles


def _classify(lattice: VoxelGrid, frame: Frame, evidence: Evidence, doubt: Doubt) -> Indices:
    """What blocks are that no surface touches, by what is seen of their centres."""
    index = np.empty(lattice.blocks, np.int32)
    _classify_blocks(index, frame, evidence, doubt)
    return index


@jit(parallel=True)
def _classify_blocks(index: Indices, frame: Frame, evidence: Evidence, doubt: Doubt) -> None:
    origin, voxel = frame
    across, up, along = index.shape
    middle = _HALF * (BLOCK_SIZE - 1)
    cameras = np.arange(len(evidence[0]))
    for x in numba.prange(across):
        for y in range(up):
            for z in range(along):
                px = origin[0] + voxel * np.float32(BLOCK_SIZE * x + middle)
                py = origin[1] + voxel * np.float32(BLOCK_SIZE * y + middle)
                pz = origin[2] + voxel * np.float32(BLOCK_SIZE * z + middle)
                votes = (_NOTHING, _NOTHING, _NOTHING)
                votes = _ask((px, py, pz), evidence, cameras, votes, np.float32(REACH) * voxel)
                distance = _decide(votes, doubt)
                if distance > 0:
                    index[x, y, z] = OUTSIDE
                else:
                    index[x, y, z] = INSIDE if distance < 0 else UNKNOWN


@jit(parallel=True)
def _mark_surface(wanted: Mask, frame: Frame, evidence: Evidence, camera: int) -> None:
    """Mark the blocks within reach of the surface points that one camera sees."""
    origin, voxel = frame
    view, k = evidence[0][camera], evidence[1][camera]
    pixels = evidence[2][camera]
    edge, reach = voxel * BLOCK_SIZE, voxel * np.float32(REACH)
    for row in numba.prange(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            if pixels[row, column, ALPHA] < _SOLID:
                continue
            z = pixels[row, column, DEPTH]
            x = (column + _HALF - k[0, 2]) / k[0, 0] * z - view[0, 3]
            y = (row + _HALF - k[1, 2]) / k[1, 1] * z - view[1, 3]
            z -= view[2, 3]
            low, high = np.empty(3, np.int64), np.empty(3, np.int64)
            for axis in range(3):
                at = view[0, axis] * x + view[1, axis] * y + view[2, axis] * z - origin[axis]
                low[axis] = max(0, int(np.floor((at - reach) / edge)))
                high[axis] = min(wanted.shape[axis] - 1, int(np.floor((at + reach) / edge)))
            for i in range(low[0], high[0] + 1):
                for j in range(low[1], high[1] + 1):
                    for h in range(low[2], high[2] + 1):
                        wanted[i, j, h] = True


@jit(parallel=True)
def _fuse_blocks(
    values: Floats, places: Indices, frame: Frame, evidence: Evidence, doubt: Doubt
) -> None:
    origin, voxel = frame
    reach = np.float32(REACH) * voxel
    half = np.float32(0.5 * (BLOCK_SIZE - 1)) * voxel
    for b in numba.prange(len(places)):
        middle = np.empty(3, np.float32)
        for axis in range(3):
            middle[axis] = origin[axis] + voxel * np.float32(places[b, axis] * BLOCK_SIZE) + half
        doubtful, votes = _settle(middle, half * np.float32(np.sqrt(3)), evidence, reach)
        for i in range(BLOCK_SIZE):
            x = origin[0] + voxel * np.float32(places[b, 0] * BLOCK_SIZE + i)
            for j in range(BLOCK_SIZE):
                y = origin[1] + voxel * np.float32(places[b, 1] * BLOCK_SIZE + j)
                for k in range(BLOCK_SIZE):
                    z = origin[2] + voxel * np.float32(places[b, 2] * BLOCK_SIZE + k)
                    gained = _ask((x, y, z), evidence, doubtful, votes, reach)
                    values[b, i, j, k] = _decide(gained, doubt)


@jit()
def _decide(votes: Votes, doubt: Doubt) -> np.float32:
    total, weight, hidden = votes
    if weight > doubt[0] * hidden:
        return total / weight
    return doubt[1] if hidden > 0 else _ONE


@jit()
def _settle(
    middle: Floats, radius: np.float32, evidence: Evidence, reach: np.float32
) -> tuple[Integers, Votes]:
    """The votes of the cameras that see all points of a ball alike, and the other cameras."""
    views, ks, pixels, tiles = evidence
    total, weight, hidden = _NOTHING, _NOTHING, _NOTHING
    doubtful = np.empty(len(views), np.int64)
    count = 0
    for c in range(len(views)):
        x, y, depth = _along_axes(views[c], middle[0], middle[1], middle[2])
        doubtful[count] = c
        if depth - radius < _NEAR:
            count += 1
            continue
        k = ks[c]
        column, row = k[0, 0] * x / depth + k[0, 2], k[1, 1] * y / depth + k[1, 2]
        around = k[0, 0] * radius / (depth - radius) + _ONE
        left, right = int(np.floor(column - around)), int(np.floor(column + around))
        top, bottom = int(np.floor(row - around)), int(np.floor(row + around))
        if right < 0 or bottom < 0 or left >= pixels.shape[2] or top >= pixels.shape[1]:
            continue
        if left < 0 or top < 0 or right >= pixels.shape[2] or bottom >= pixels.shape[1]:
            count += 1
            continue
        near, far, empty, unsure = np.float32(np.inf), _NOTHING, _NOTHING, _NOTHING
        for v in range(top // _TILE, bottom // _TILE + 1):
            for u in range(left // _TILE, right // _TILE + 1):
                tile = tiles[c, v, u]
                near, far = min(near, tile[NEAREST]), max(far, tile[FARTHEST])
                empty, unsure = max(empty, tile[EMPTY]), max(unsure, tile[UNSURE])
        if far == 0 and empty > 0:
            total, weight = total + _ONE, weight + _ONE
        elif empty == 0 and unsure == 0 and depth - radius > far - _BEHIND * reach:
            hidden += _ONE
        elif empty == 0 and unsure == 0 and depth + radius < near - reach:
            total, weight = total + _HALF, weight + _HALF
        else:
            count += 1
    return doubtful[:count], (total, weight, hidden)


@jit()
def _along_axes(view: Floats, x: Number, y: Number, z: Number) -> tuple[Number, Number, Number]:
    return (
        view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3],
        view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3],
        view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3],
    )


@jit()
def _ask(
    point: tuple[Number, Number, Number],
    evidence: Evidence,
    cameras: Integers,
    votes: Votes,
    reach: np.float32,
) -> Votes:
    """The votes with those of `cameras` about a point added; distances in reaches."""
    views, ks, pixels, _ = evidence
    per_reach = _ONE / reach
    total, weight, hidden = votes
    for c in cameras:
        k = ks[c]
        x, y, depth = _along_axes(views[c], point[0], point[1], point[2])
        if depth < _NEAR:
            continue
        per_depth = _ONE / depth
        column = int(np.floor(k[0, 0] * x * per_depth + k[0, 2]))
        row = int(np.floor(k[1, 1] * y * per_depth + k[1, 2]))
        if not (0 <= column < pixels.shape[2] and 0 <= row < pixels.shape[1]):
            continue
        pixel = pixels[c, row, column]
        distance = (pixel[DEPTH] - depth) * per_reach
        if pixel[ALPHA] >= _SOLID and distance < _BEHIND:
            hidden += _ONE
            continue
        value, trust = _observe(distance, pixel[ALPHA], pixel[FACING])
        total += trust * value
        weight += trust
    return total, weight, hidden


@jit()
def _observe(distance: Number, alpha: Number, facing: Number) -> tuple[Number, Number]:
    """The distance that a pixel tells a point, in reaches, and its weight."""
    if alpha <= _EMPTY:
        return _ONE, _ONE
    if alpha < _SOLID or facing == 0:
        return _NOTHING, _NOTHING
    if distance >= _ONE:
        return _ONE, _HALF
    fading = min(_ONE, _ONE - distance / _BEHIND)
    return distance - _SKIN, facing * facing * alpha * fading
