"""The shell of sky or background that captures have far around their subject, told from it.

A shell is seen from the subject in many directions, behind a distance at which there is nearly
nothing. A dome lies on a sphere; other backgrounds are very far and have few, large Gaussians. A
room's walls are neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..contract.bounds import VISIBLE_OPACITY, max_scales
from ..contract.cloud import GaussianCloud

_SAMPLE = 50_000  # Gaussians at most that are looked at
_LEAST_GAUSSIANS = 64
_DIRECTIONS = 256  # evenly spread, in which the surroundings are looked at
_SHELL_SHARE = 0.3  # of the directions that a shell is seen in, at least
_EMPTY_SHARE = 0.2  # of them that something, such as a floor, may be seen in before the shell
_STEP, _WINDOW = 1.1, 1.6  # ratios of the distances looked at, and of one distance's range
_BEFORE = 0.85  # of the shell's distance: what is nearer is in front of it
_SUBJECT_DETAIL, _CORE_DETAIL = 0.9, 0.8  # of all detail in front of the shell
_MARGIN = 2.0  # of the subject's radius, that is kept with it
_DOME_RATIO, _BACKGROUND_RATIO = 3.5, 12.0  # of their distance to the subject's radius, at least
_DOME_DETAIL, _BACKGROUND_DETAIL = 0.05, 0.9  # of all detail in front of them, at least
_ROUNDNESS = 0.05  # of a dome's radius: how far its Gaussians lie from a sphere
_LEAST_SIZE = 2.5  # of a background's Gaussians, compared with the subject's

_Points = NDArray[np.float64]  # [N, 3]
_Values = NDArray[np.float64]  # [N]


@dataclass(frozen=True)
class Surroundings:
    """Which Gaussians [N] belong to the subject; the others are far around it."""

    subject: NDArray[np.bool_]

    @property
    def left_out(self) -> int:
        return int((~self.subject).sum())

    @property
    def note(self) -> str:
        """A sentence for the user."""
        return (
            f"{self.left_out:,} of {len(self.subject):,} splats lie far around the subject, as a "
            "sky does, and were left out of what is extracted (option crop)."
        )


def find_far_shell(cloud: GaussianCloud) -> Surroundings | None:
    """The subject and its far surroundings, if there are any."""
    sizes = max_scales(cloud)
    counted = (cloud.opacities > VISIBLE_OPACITY) & np.isfinite(sizes) & (sizes > 0)
    chosen = np.flatnonzero(counted & np.isfinite(cloud.means).all(axis=1))
    chosen = chosen[:: 1 + len(chosen) // _SAMPLE]
    if len(chosen) < _LEAST_GAUSSIANS:
        return None
    means, sizes = cloud.means[chosen].astype(np.float64), sizes[chosen].astype(np.float64)
    first = _cut(means, sizes, _detail(sizes) ** 2)
    if first is None:
        return None
    # Of the subject alone, the centre is known better.
    found = _cut(means, sizes, np.where(first.contains(means), _detail(sizes), 0)) or first
    return Surroundings(found.contains(cloud.means.astype(np.float64)))


@dataclass(frozen=True)
class _Cut:
    """The sphere that a subject is cut out by."""

    center: _Values  # [3]
    radius: float

    def contains(self, points: _Points) -> NDArray[np.bool_]:
        return np.linalg.norm(points - self.center, axis=1) <= self.radius


def _cut(means: _Points, sizes: _Values, weights: _Values) -> _Cut | None:
    """The cut between a subject, at the median of the weights, and its shell, if it has one."""
    center = np.array([_weighted_quantile(axis, weights, 0.5) for axis in means.T])
    offsets, detail = means - center, _detail(sizes)
    distances = np.linalg.norm(offsets, axis=1)
    for gap, shell in _gaps(offsets, distances):
        before, behind = distances < _BEFORE * shell, distances >= _BEFORE * shell
        if not before.any() or not behind.any():
            continue
        core = max(gap, _weighted_quantile(distances[before], detail[before], _CORE_DETAIL))
        share = detail[before].sum() / detail.sum()
        growth = np.median(sizes[behind]) / np.median(sizes[before])
        is_dome = shell > _DOME_RATIO * core and share > _DOME_DETAIL and _is_round(means[behind])
        is_background = shell > _BACKGROUND_RATIO * core and share > _BACKGROUND_DETAIL
        if is_dome or (is_background and growth > _LEAST_SIZE):
            reach = _weighted_quantile(distances[before], detail[before], _SUBJECT_DETAIL)
            return _Cut(center, min(_MARGIN * max(gap, reach), _BEFORE * shell))
    return None


def _gaps(offsets: _Points, distances: _Values) -> list[tuple[float, float]]:
    """Distances at which there begins to be nearly nothing, and those of what is behind."""
    start, end = np.quantile(distances, 0.05), distances.max()
    if not end > start > 0:
        return []
    levels = start * _STEP ** np.arange(np.ceil(np.log(end / start) / np.log(_STEP)) + 1)
    shares = _direction_shares(offsets, distances, levels)
    found, gap, is_behind = [], None, True
    for level, share in zip(levels.tolist(), shares.tolist(), strict=True):
        if share < _EMPTY_SHARE:
            gap, is_behind = level if is_behind or gap is None else gap, False
        elif share >= _SHELL_SHARE and not is_behind:
            found.append((gap, level * _WINDOW))
            is_behind = True
    return found


def _direction_shares(offsets: _Points, distances: _Values, levels: _Values) -> _Values:
    """Share of all directions in which there is something from each level on, within a window."""
    i = np.arange(_DIRECTIONS) + 0.5
    z, turn = 1 - 2 * i / _DIRECTIONS, i * np.pi * (3 - 5**0.5)
    flat = np.sqrt(1 - z * z)
    tree = KDTree(np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1))
    far = np.flatnonzero(distances >= levels[0])
    order = far[np.argsort(distances[far])]
    nearest = np.asarray(tree.query(offsets[order] / distances[order, None])[1])
    starts, ends = np.searchsorted(distances[order], (levels, levels * _WINDOW))
    seen = [len(np.unique(nearest[a:b])) for a, b in zip(starts, ends, strict=True)]
    return np.array(seen) / _DIRECTIONS


def _is_round(points: _Points) -> bool:
    """Whether most of `points` lie near a sphere, fitted by least squares."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
    distances = np.linalg.norm(points - solution[:3], axis=1)
    radius = np.median(distances)
    return bool(np.median(np.abs(distances - radius)) < _ROUNDNESS * radius)


def _detail(sizes: _Values) -> _Values:
    """How many Gaussians of each size fit into an area, relative to the most."""
    return (sizes.min() / sizes) ** 2


def _weighted_quantile(values: _Values, weights: _Values, share: float) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(sums, share * sums[-1])]])
