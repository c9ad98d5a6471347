"""Points chosen so that they keep their distance: blue noise on surfaces.

Darts are thrown at candidates with a radius that shrinks from one pass to the next (McCool and
Fiume 1992) until exactly as many as wanted have stuck. Each dart that sticks tells the candidates
around it how near it is, so that a pass need only compare one number per candidate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, Integers, Number, jit
from ...progress import Progress

Sides = NDArray[np.int8]

_SHRINKING = 0.95  # of the radius, from pass to pass
_SMALLEST = 0.05  # of the first radius: candidates nearer to each other count as one place
_HEXAGONAL = 2 / 3**0.5  # square of the greatest distance, times points per area
_FINEST = 1e-6  # cells in which the area is counted, in the points' whole extent
_DARTS = 1 << 20  # candidates between two looks at whether to go on
_UNIT = 127  # of normals in one byte
_APART = -_UNIT * _UNIT // 2  # cosine of 120 degrees: beyond, it is the other side of a wall
_FAR = np.float32(np.inf)
_STUCK = np.float32(-1)


def poisson_disk_sample(
    points: Floats, normals: Floats, count: int, progress: Progress
) -> NDArray[np.int32]:
    """`count` indices of `points` [M, 3] such that the chosen ones lie evenly on their surface.

    Points whose unit `normals` [M, 3] look apart lie on two sides of a thin wall, and do not mind
    each other.

    Raises:
        ValueError: there are fewer points than wanted.
        Cancelled: between two parts of the work.
    """
    if count > len(points):
        raise ValueError(f"{count:,} of {len(points):,} points cannot be chosen")
    progress.step(0, count)
    first = _first_radius(points, count)
    order, starts = _sort(points, np.float32(first))
    # Neighbours lie together in memory, and the cells in no order that could be seen.
    candidates = (points[order], np.round(_UNIT * normals[order]).astype(np.int8), starts)
    nearest = np.full(len(points), _FAR, np.float32)
    chosen = np.empty(count, np.int32)
    found, radius = 0, first
    while found < count and radius > _SMALLEST * first:
        for start in range(0, len(points), _DARTS):
            darts = (start, min(start + _DARTS, len(points)), found)
            radii = np.float32(radius), np.float32(first)
            found = _throw(candidates, nearest, chosen, darts, radii)
            progress.step(found, count)
        radius *= _SHRINKING
    left = np.flatnonzero(nearest != _STUCK)[: count - found]
    chosen[found:] = left
    return order[chosen]


def _first_radius(points: Floats, count: int) -> float:
    """At least the distance that `count` points could keep, were they as even as can be.

    The area is that of the cells that `points` fall into, as wide as the radius that follows.
    """
    extent = float(np.ptp(points, axis=0).max())
    size = extent
    while size > _FINEST * extent:
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
def _bucket(x: int, y: int, z: int, mask: np.uint64) -> np.int64:
    """A number below `mask` + 1, a power of two, for the cell of whole numbers x, y, z."""
    mixed = np.uint64(x * 73856093) ^ np.uint64(y * 19349663)
    mixed ^= np.uint64(z * 83492791)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)


@jit()
def _bucket_of(points: Floats, i: int, size: np.float32, mask: np.uint64) -> np.int64:
    x, y, z = points[i]
    return _bucket(_cell(x, size), _cell(y, size), _cell(z, size), mask)


@jit()
def _power_of_two(least: int) -> int:
    power = 1
    while power < least:
        power *= 2
    return power


@jit()
def _count_cells(points: Floats, size: np.float32) -> np.intp:
    """How many cells of `size` have points in them, to within a few per cent."""
    marked = np.zeros(_power_of_two(8 * len(points)), np.bool_)
    mask = np.uint64(len(marked) - 1)
    for i in range(len(points)):
        marked[_bucket_of(points, i, size, mask)] = True
    return np.count_nonzero(marked)


@jit()
def _sort(points: Floats, size: np.float32) -> tuple[NDArray[np.int32], Integers]:
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
def _throw(
    candidates: tuple[Floats, Sides, Integers],
    nearest: Floats,
    chosen: NDArray[np.int32],
    darts: tuple[int, int, int],
    radii: tuple[np.float32, np.float32],
) -> int:
    """Choose candidates `darts` [first, end) that keep the first radius; returns how many are."""
    start, end, found = darts
    least = radii[0] * radii[0]
    for i in range(start, end):
        if found == len(chosen):
            break
        if nearest[i] >= least:
            chosen[found] = i
            found += 1
            _tell(i, candidates, nearest, radii)
            nearest[i] = _STUCK
    return found


@jit()
def _tell(
    i: int,
    candidates: tuple[Floats, Sides, Integers],
    nearest: Floats,
    radii: tuple[np.float32, np.float32],
) -> None:
    """Tell all within the first radius the square of their distance; the second is a cell's."""
    points, sides, starts = candidates
    radius, size = radii
    mask = np.uint64(len(starts) - 2)
    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
    u, v, w = np.int32(sides[i, 0]), np.int32(sides[i, 1]), np.int32(sides[i, 2])
    for x in range(_cell(px - radius, size), _cell(px + radius, size) + 1):
        for y in range(_cell(py - radius, size), _cell(py + radius, size) + 1):
            for z in range(_cell(pz - radius, size), _cell(pz + radius, size) + 1):
                bucket = _bucket(x, y, z, mask)
                for j in range(starts[bucket], starts[bucket + 1]):
                    dx, dy, dz = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
                    distance = dx * dx + dy * dy + dz * dz
                    alike = u * sides[j, 0] + v * sides[j, 1] + w * sides[j, 2]
                    if distance < nearest[j] and alike > _APART:
                        nearest[j] = distance
