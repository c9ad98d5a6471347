"""Poisson-disk sampling of points on a surface.

Dart throwing with a radius that shrinks from pass to pass (McCool and Fiume 1992), until exactly as
many points as wanted are accepted. Each accepted point updates the distances of the candidates
around it, so that a pass compares one number per candidate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ...progress import Progress
from ..array_types import Indices

_SHRINK_FACTOR = 0.95  # of the radius, from pass to pass
_LEAST_RADIUS = 0.05  # of the first radius: nearer candidates count as coincident
_HEXAGONAL = 2 / 3**0.5  # square of the greatest possible distance, times points per area
_LEAST_CELL = 1e-6  # of the points' extent, in estimating the area
_BATCH = 1 << 20  # candidates between two checks for cancellation
_NORMAL_SCALE = 127  # of normals in one byte
_OPPOSITE = -_NORMAL_SCALE * _NORMAL_SCALE // 2  # cosine of 120 degrees: the other side of a wall
_FAR = np.float32(np.inf)
_ACCEPTED = np.float32(-1)


class _Candidates(NamedTuple):
    """M candidates in a spatial hash: those of bucket b are starts[b]:starts[b + 1]."""

    points: Floats  # [M, 3]
    normals: NDArray[np.int8]  # [M, 3] times _NORMAL_SCALE
    starts: Integers  # [buckets + 1], buckets a power of two
    cell: np.float32  # width of a cell


class _Batch(NamedTuple):
    """Candidates from `start` to before `end`, thrown at a radius."""

    start: int
    end: int
    radius: np.float32


def poisson_disk_sample(
    points: Floats, normals: Floats, count: int, progress: Progress
) -> NDArray[np.int32]:
    """`count` indices of `points` [M, 3], evenly distributed on their surface.

    Points whose unit `normals` [M, 3] are opposite lie on two sides of a thin wall, and are sampled
    independently.

    Raises:
        ValueError: there are fewer points than wanted.
        Cancelled: between two batches.
    """
    if count > len(points):
        raise ValueError(f"{count:,} of {len(points):,} points cannot be chosen")
    progress.step(0, count)
    first = _initial_radius(points, count)
    order, starts = _sort_by_bucket(points, np.float32(first))
    # Sorted, neighbours are neighbours in memory; the buckets' order has no visible pattern.
    scaled = np.round(_NORMAL_SCALE * normals[order]).astype(np.int8)
    candidates = _Candidates(points[order], scaled, starts, np.float32(first))
    nearest = np.full(len(points), _FAR, np.float32)
    chosen = np.empty(count, np.int32)
    found, radius = 0, first
    while found < count and radius > _LEAST_RADIUS * first:
        for start in range(0, len(points), _BATCH):
            batch = _Batch(start, min(start + _BATCH, len(points)), np.float32(radius))
            found = _throw_darts(candidates, batch, nearest, chosen, found)
            progress.step(found, count)
        radius *= _SHRINK_FACTOR
    rest = np.flatnonzero(nearest != _ACCEPTED)[: count - found]
    chosen[found:] = rest
    return order[chosen]


def _initial_radius(points: Floats, count: int) -> float:
    """At least the distance of `count` points in the densest packing.

    The area is estimated by the cells of this width that `points` occupy.
    """
    extent = float(np.ptp(points, axis=0).max())
    size = extent
    while size > _LEAST_CELL * extent:
        area = _count_cells(points, np.float32(size)) * size * size
        radius = float(np.sqrt(_HEXAGONAL * area / count))
        if radius >= size:
            return radius
        size = radius
    return size or 1.0


@jit()
def _cell(coordinate: Number, size: np.float32) -> int:
    return int(np.floor(coordinate / size))


@jit()
def _hash_cell(x: int, y: int, z: int, mask: np.uint64) -> np.int64:
    """Bucket, up to `mask`, a power of two minus one, of the cell with integer coordinates."""
    mixed = np.uint64(x * 73856093) ^ np.uint64(y * 19349663)
    mixed ^= np.uint64(z * 83492791)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)


@jit()
def _bucket_of(points: Floats, i: int, size: np.float32, mask: np.uint64) -> np.int64:
    x, y, z = points[i]
    return _hash_cell(_cell(x, size), _cell(y, size), _cell(z, size), mask)


@jit()
def _power_of_two(least: int) -> int:
    power = 1
    while power < least:
        power *= 2
    return power


@jit()
def _count_cells(points: Floats, size: np.float32) -> np.intp:
    """Number of cells of `size` with points, to within a few per cent."""
    marked = np.zeros(_power_of_two(8 * len(points)), np.bool_)
    mask = np.uint64(len(marked) - 1)
    for i in range(len(points)):
        marked[_bucket_of(points, i, size, mask)] = True
    return np.count_nonzero(marked)


@jit()
def _sort_by_bucket(points: Floats, size: np.float32) -> tuple[Indices, Integers]:
    """The points' order by buckets, and where each bucket starts in it."""
    buckets = _power_of_two(len(points) // 2)
    mask = np.uint64(buckets - 1)
    bucket = np.empty(len(points), np.int32)
    ends = np.zeros(buckets + 1, np.int64)
    for i in range(len(points)):
        bucket[i] = _bucket_of(points, i, size, mask)
        ends[bucket[i]] += 1
    ends = np.cumsum(ends)
    order = np.empty(len(points), np.int32)
    for i in range(len(points) - 1, -1, -1):
        ends[bucket[i]] -= 1
        order[ends[bucket[i]]] = i
    return order, ends


@jit()
def _throw_darts(
    candidates: _Candidates, batch: _Batch, nearest: Floats, chosen: Indices, found: int
) -> int:
    """Accept candidates at least the radius from all accepted ones; returns how many there are.

    Args:
        nearest: [M] squared distance to the nearest accepted point.
        chosen: [count], filled from `found` on.
    """
    least = batch.radius * batch.radius
    for i in range(batch.start, batch.end):
        if found == len(chosen):
            break
        if nearest[i] >= least:
            chosen[found] = i
            found += 1
            _update_distances(i, candidates, batch.radius, nearest)
            nearest[i] = _ACCEPTED
    return found


@jit()
def _update_distances(i: int, candidates: _Candidates, radius: np.float32, nearest: Floats) -> None:
    """Lower `nearest` of the candidates within the radius of an accepted one, on its side."""
    points, normals, starts = candidates.points, candidates.normals, candidates.starts
    size = candidates.cell
    mask = np.uint64(len(starts) - 2)
    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
    u, v, w = np.int32(normals[i, 0]), np.int32(normals[i, 1]), np.int32(normals[i, 2])
    for x in range(_cell(px - radius, size), _cell(px + radius, size) + 1):
        for y in range(_cell(py - radius, size), _cell(py + radius, size) + 1):
            for z in range(_cell(pz - radius, size), _cell(pz + radius, size) + 1):
                bucket = _hash_cell(x, y, z, mask)
                for j in range(starts[bucket], starts[bucket + 1]):
                    dx, dy, dz = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
                    distance = dx * dx + dy * dy + dz * dz
                    cosine = u * normals[j, 0] + v * normals[j, 1] + w * normals[j, 2]
                    if distance < nearest[j] and cosine > _OPPOSITE:
                        nearest[j] = distance
