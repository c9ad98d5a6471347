"""Robust bounds of a cloud's object: invisible Gaussians and floaters around it do not count.

Both start from the box between two percentiles of the visible centres along each axis. A sphere
takes in what lies within a margin around that box, so that a scene's far background stays outside.
A box for placing the object grows over neighbours for as long as there are any: a thin leg is
reached, a floater behind a gap is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cloud import GaussianCloud
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
    sizes = max_scales(cloud)
    visible = _visible(cloud, sizes)
    if not visible.any():
        raise ValueError("the cloud has no Gaussian that can be seen")
    # In double precision, as squares of float32 may overflow.
    means, sizes = _select(cloud.means.T, visible).astype(np.float64), sizes[visible]
    typical = np.percentile(sizes[_sample(len(sizes))], _TYPICAL_PERCENTILE)
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
    means, sizes = np.ascontiguousarray(cloud.means.T), max_scales(cloud)
    counted = _visible(cloud, sizes)
    if not counted.any():
        counted[:] = True
    low, high = _core_of(means, counted)
    _hide(means, sizes, ~counted, low, high)
    low, high = _connect(means, sizes, low, high)
    # Only Gaussians that might reach beyond all centres are worth measuring along the axes.
    chosen = np.flatnonzero(_reaching(means, sizes, low, high))
    if len(chosen):
        radii, outer = _radii(cloud, chosen), means[:, chosen]
        low = np.minimum(low, _extremes(outer - radii)[0])
        high = np.maximum(high, _extremes(outer + radii)[1])
    return Box(low[:, 0], high[:, 0])


def max_scales(cloud: GaussianCloud) -> _Sizes:
    """[N], the longest standard deviation of each Gaussian."""
    x, y, z = cloud.scales.T
    return np.maximum(np.maximum(x, y), z)


def _visible(cloud: GaussianCloud, sizes: _Sizes) -> _Mask:
    visible = cloud.opacities > VISIBLE_OPACITY
    for values in (sizes, *cloud.means.T):
        visible &= np.isfinite(values)
    return visible


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
    low, high = np.percentile(sample, _CORE_PERCENTILES, axis=1, keepdims=True)
    return low, high


def _core_of(means: _Points, counted: _Mask) -> tuple[_Points, _Points]:
    """The same of some centres; which these are costs less than to copy them all."""
    chosen = np.flatnonzero(counted)
    return _core(means[:, chosen[_sample(len(chosen), _BOX_SAMPLE)]])


def _within(means: _Points, low: _Points, high: _Points, margin: float) -> _Mask:
    return np.logical_and.reduce((means >= low - margin) & (means <= high + margin), axis=0)


def _hide(
    means: _Points, sizes: _Sizes, hidden: NDArray[np.bool_], low: _Points, high: _Points
) -> None:
    """Move what does not count into the box, in place: numpy selects slower than it compares."""
    if hidden.any():
        for axis, middle in zip(means, (low + high)[:, 0] / 2, strict=True):
            np.copyto(axis, middle, where=hidden)
        np.copyto(sizes, 0, where=hidden)


def _connect(means: _Points, sizes: _Sizes, low: _Points, high: _Points) -> tuple[_Points, _Points]:
    """The box of the centres connected to a box by gaps below the margin; hides the others."""
    outside = ~_within(means, low, high, _margin(low, high))
    left = np.flatnonzero(outside)
    rest, their_sizes = means[:, left], sizes[left]
    _hide(means, sizes, outside, low, high)
    low, high = _extremes(means)
    while len(left):  # the box only grows: what is inside stays so
        reached = _within(rest, low, high, _margin(low, high))
        if not reached.any():
            break
        means[:, left[reached]], sizes[left[reached]] = rest[:, reached], their_sizes[reached]
        first, last = _extremes(rest[:, reached])
        low, high = np.minimum(low, first), np.maximum(high, last)
        left, rest, their_sizes = left[~reached], rest[:, ~reached], their_sizes[~reached]
    return low, high


def _margin(low: _Points, high: _Points) -> float:
    return _GROWTH_MARGIN * max(float((high - low).max()), _MIN_EDGE)


def _reaching(means: _Points, sizes: _Sizes, low: _Points, high: _Points) -> _Mask:
    """[N], which Gaussians might reach beyond the box."""
    reaching, ends = np.zeros(len(sizes), np.bool_), np.empty_like(sizes)
    for axis, first, last in zip(means, low[:, 0], high[:, 0], strict=True):
        reaching |= np.subtract(axis, sizes, out=ends) < first
        reaching |= np.add(axis, sizes, out=ends) > last
    return reaching


def _radii(cloud: GaussianCloud, chosen: NDArray[np.intp]) -> _Points:
    """[3, M], one standard deviation of each chosen Gaussian along x, y and z."""
    axes = rotation_matrices(cloud.quats[chosen]) * cloud.scales[chosen, None, :]
    return np.sqrt((axes**2).sum(axis=2)).T
