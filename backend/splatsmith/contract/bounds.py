"""Robust bounds of a cloud's object: invisible Gaussians and floaters around it do not count.

Both start from the box between two percentiles of the visible centres along each axis. A sphere
takes in what lies within a margin around that box, so that a scene's far background stays outside.
A box for placing the object grows over neighbours for as long as there are any: a thin leg is
reached, a floater behind a gap is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cloud import GaussianCloud
from .percentiles import percentiles
from .transform import rotation_matrices

VISIBLE_OPACITY = 0.1
_CORE_PERCENTILES = (2, 98)
_SPHERE_MARGIN = 0.5  # of the core's longest edge
_GROWTH_MARGIN = 0.2  # of the longest edge of what is inside already
_SIGMAS = 2.0  # of a Gaussian that a sphere contains
_TYPICAL_PERCENTILE = 95  # of the sizes: the few that are larger do not widen the sphere
_PERCENTILE_SAMPLE = 200_000  # Gaussians at most that percentiles are taken of
_BOX_SAMPLE = 1 << 16  # and for a box, which is made while an artist waits
# Relative to the centre's distance, and absolute: float32 resolves no smaller spheres.
_MIN_RELATIVE_RADIUS, _MIN_RADIUS = 1e-6, 1e-30
_MIN_EDGE = 1e-6
_BLOCK = 1 << 13  # Gaussians at a time, which stay in the processor's cache

_Points = NDArray[np.floating]  # [3, M]: numpy works ten times as fast on columns as on rows
_Sizes = NDArray[np.float32]  # [M]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sphere:
    """center [3], radius > 0."""

    center: NDArray[np.float32]
    radius: float


@dataclass(frozen=True)
class Box:
    """An axis-aligned box: lower [3] and upper [3]."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]


def bounding_sphere(cloud: GaussianCloud) -> Sphere:
    """The sphere around the visible Gaussians, 2 standard deviations each.

    Gaussians whose values are not finite, or whose size is far from typical, are ignored.

    Raises:
        ValueError: no Gaussian is visible.
    """
    visible = _visible(cloud)
    if not visible.any():
        raise ValueError("the cloud has no Gaussian that can be seen")
    # In double precision, as squares of float32 may overflow.
    means = _select(cloud.means.T, visible).astype(np.float64)
    sizes = max_scales(cloud)[visible]
    typical = percentiles(sizes[_sample(len(sizes))], (_TYPICAL_PERCENTILE,))[0]
    low, high = _core(means)
    inside = _within(means, low, high, _SPHERE_MARGIN * (high - low).max())
    means, sizes = _select(means, inside), np.minimum(sizes[inside], typical)
    center = ((means.min(axis=1) + means.max(axis=1)) / 2).astype(np.float32)
    means -= center[:, None]
    reach = np.sqrt((means * means).sum(axis=0)) + _SIGMAS * sizes
    least = max(_MIN_RELATIVE_RADIUS * float(np.abs(center).max()), _MIN_RADIUS)
    return Sphere(center, max(float(reach.max()), least))


def bounding_box(cloud: GaussianCloud) -> Box:
    """The box around the visible Gaussians, 1 standard deviation each, in the cloud's frame.

    Of an invisible cloud all Gaussians count; an empty one has an empty box at the origin. Reads
    positions, scales and opacities of all Gaussians, and rotations of those at the border.
    """
    if not len(cloud):
        return Box(np.zeros(3, np.float32), np.zeros(3, np.float32))
    counted = _visible(cloud)
    if not counted.any():
        counted[:] = True
    low, high = _connect(cloud.means, counted)
    # Only Gaussians that might reach beyond all centres are worth measuring along the axes.
    chosen = _reaching(cloud, counted, low, high)
    if len(chosen):
        radii, outer = _radii(cloud, chosen), cloud.means[chosen].T
        low = np.minimum(low, _extremes(outer - radii)[0])
        high = np.maximum(high, _extremes(outer + radii)[1])
    return Box(low[:, 0], high[:, 0])


def max_scales(cloud: GaussianCloud) -> _Sizes:
    """[N], the longest standard deviation of each Gaussian."""
    x, y, z = cloud.scales.T
    return np.maximum(np.maximum(x, y), z)


def _visible(cloud: GaussianCloud) -> _Mask:
    visible = cloud.opacities > VISIBLE_OPACITY
    for rows in _blocks(len(cloud)):
        part = cloud.rows(rows)
        for values in (max_scales(part), *part.means.T):
            visible[rows] &= np.isfinite(values)
    return visible


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _columns(means: NDArray[np.float32]) -> _Points:
    """[3, M] of [M, 3], contiguous."""
    return np.ascontiguousarray(means.T)


def _select(means: _Points, chosen: _Mask) -> _Points:
    """Contiguous along each axis, which `means[:, chosen]` is not."""
    return np.stack([axis[chosen] for axis in means])


def _extremes(means: _Points) -> tuple[_Points, _Points]:
    """[3, 1] each."""
    return means.min(axis=1, keepdims=True), means.max(axis=1, keepdims=True)


def _sample(count: int, most: int = _PERCENTILE_SAMPLE) -> slice:
    return slice(None, None, 1 + count // most)


def _core(means: _Points) -> tuple[_Points, _Points]:
    """The lower and upper corner [3, 1] of the box between the percentiles."""
    sample = means[:, _sample(means.shape[1])]
    low, high = percentiles(sample, _CORE_PERCENTILES)
    return low[:, None], high[:, None]


def _within(means: _Points, low: _Points, high: _Points, margin: float) -> _Mask:
    return np.logical_and.reduce((means >= low - margin) & (means <= high + margin), axis=0)


def _connect(means: NDArray[np.float32], counted: _Mask) -> tuple[_Points, _Points]:
    """The box of the `means` [N, 3] connected to the core of those that count.

    What is farther away than a gap of the margin does not count any more.
    """
    low, high = _core(_columns(means[_evenly_spread(counted)]))
    left, low, high = _leave_out_distant(means, counted, low, high)
    rest = _columns(means[left])
    while len(left):  # the box only grows: what is inside stays so
        reached = _within(rest, low, high, _margin(low, high))
        if not reached.any():
            break
        counted[left[reached]] = True
        first, last = _extremes(rest[:, reached])
        low, high = np.minimum(low, first), np.maximum(high, last)
        left, rest = left[~reached], rest[:, ~reached]
    return low, high


def _evenly_spread(counted: _Mask) -> NDArray[np.intp]:
    """A sample of those that count; block by block, as the indices of all take much memory."""
    step = _sample(int(np.count_nonzero(counted)), _BOX_SAMPLE).step
    found, seen = [np.empty(0, np.intp)], 0
    for rows in _blocks(len(counted)):
        chosen = rows.start + np.flatnonzero(counted[rows])
        found.append(chosen[-seen % step :: step])
        seen += len(chosen)
    return np.concatenate(found)


def _leave_out_distant(
    means: NDArray[np.float32], counted: _Mask, low: _Points, high: _Points
) -> tuple[NDArray[np.intp], _Points, _Points]:
    """Let those of the `means` [N, 3] not count that are beyond the margin of a box.

    Returns these, and the box of the others.
    """
    margin, middle = _margin(low, high), (low + high) / 2
    lowest, highest, left = middle.copy(), middle.copy(), [np.empty(0, np.intp)]
    for rows in _blocks(len(means)):
        columns = _columns(means[rows])
        inside = _within(columns, low, high, margin)
        left.append(rows.start + np.flatnonzero(counted[rows] > inside))
        counted[rows] &= inside
        if not counted[rows].all():
            np.copyto(columns, middle, where=~counted[rows])  # quicker than to select
        first, last = _extremes(columns)
        np.minimum(lowest, first, out=lowest)
        np.maximum(highest, last, out=highest)
    return np.concatenate(left), lowest, highest


def _margin(low: _Points, high: _Points) -> float:
    return _GROWTH_MARGIN * max(float((high - low).max()), _MIN_EDGE)


def _reaching(
    cloud: GaussianCloud, counted: _Mask, low: _Points, high: _Points
) -> NDArray[np.intp]:
    """Those of the Gaussians that count that might reach beyond the box."""
    found = [np.empty(0, np.intp)]
    for rows in _blocks(len(cloud)):
        part = cloud.rows(rows)
        columns, sizes = _columns(part.means), max_scales(part)
        reaching = (columns - sizes < low) | (columns + sizes > high)
        reaching = np.logical_or.reduce(reaching, axis=0) & counted[rows]
        found.append(rows.start + np.flatnonzero(reaching))
    return np.concatenate(found)


def _radii(cloud: GaussianCloud, chosen: NDArray[np.intp]) -> _Points:
    """[3, M], one standard deviation of each chosen Gaussian along x, y and z."""
    axes = rotation_matrices(cloud.quats[chosen]) * cloud.scales[chosen, None, :]
    return np.sqrt((axes**2).sum(axis=2)).T
