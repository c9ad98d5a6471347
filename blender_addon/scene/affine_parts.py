"""Which affine maps took points from where they were to where they are; numpy alone.

Blender's operations move positions by one affine map per part: all points of an object, those that
were joined to it, those that were selected in Edit Mode. Each map is exact up to rounding, so a
point belongs to a part or clearly does not. Parts are found one after the other, the largest first,
by random samples of four points (RANSAC, Fischler and Bolles 1981); many small ones, which realized
instances are, by fitting a map to every few points in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .affine_runs import find_runs

_ROUNDING = 2.0**-24  # of float32, relative
_TOLERANCE = 32  # roundings that several operations in a row may add up to
_FITTED = 2_048  # points at most that a map is fitted to
_SCORED = 512  # points at most that samples are compared by
_SAMPLES = 192  # of four points each, per attempt
_WINDOW = 16  # joined points follow one another: half of the samples are from so many in a row
_ATTEMPTS = 6  # without a new part, then what remains was moved point by point
_FEWEST = 8  # points of a part; four fit any map
_FEWEST_ALONE = 5  # points of a part that is all there is
_SMALL_PART = 0.02  # of what remains: then many more parts are to be expected
_LARGEST_BOUND = 1e-3  # of the extent: a sample whose rounding errors grow beyond says nothing
_RANK_ERROR = 1e-3  # of a map along a direction in which the points hardly extend
_REFITS = 4
_VERIFIED = 1 << 16  # points at a time

_Points = NDArray[np.float64]  # [3, M]
_Matrix = NDArray[np.float64]  # [4, 4]
_Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Part:
    """Points that one affine map moved.

    rows: their indices. matrix: [4, 4]. is_linear: the map does more than shift them.
    """

    rows: NDArray[np.intp]
    matrix: NDArray[np.float64]
    is_linear: bool


def find_affine_parts(before: NDArray[np.float32], after: NDArray[np.float32]) -> list[Part]:
    """The parts of points that were at `before` [N, 3] and are at `after` [N, 3].

    Points that were moved one by one, or fewer than eight together, are in no part. Of a flat part,
    the map keeps handedness and scales across the plane by the mean of what it does in the plane.
    Points along a line, and single points, have no map but a shift.
    """
    if np.array_equal(before, after):
        return [Part(np.arange(len(before)), np.eye(4), False)] if len(before) else []
    search = _Search(_columns(before), _columns(after))
    finite = np.isfinite(search.before).all(axis=0) & np.isfinite(search.after).all(axis=0)
    rows = np.flatnonzero(finite)
    common = search.common_part(rows)
    parts = [common] if common is not None else []
    parts += search.further_parts(_without(rows, parts))
    return parts


def find_common_map(before: NDArray[np.float32], after: NDArray[np.float32]) -> Part | None:
    """The part of all points [N, 3], if one map moved them all; quick for a few points."""
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return None
    search = _Search(_columns(before), _columns(after))
    part = search.common_part(np.arange(len(before)))
    return part if part is not None and len(part.rows) == len(before) else None


class _Search:
    """Finds one part at a time among given rows."""

    def __init__(self, before: _Points, after: _Points) -> None:
        self.before, self.after = before, after
        self.random = np.random.default_rng(0)

    def common_part(self, rows: _Rows) -> Part | None:
        """All of `rows`, or nearly all, if one map moved them."""
        if not len(rows):
            return None
        chosen = _spread(rows, _FITTED)
        matrix = self.fit(chosen) if len(rows) >= _FEWEST_ALONE else self.shift(chosen)
        if matrix is None or not self.matches(matrix, chosen).all():
            return None
        return self.part(matrix, rows)

    def further_parts(self, rows: _Rows) -> list[Part]:
        """The parts among `rows`, of which one map did not move all."""
        parts: list[Part] = []
        failures = 0
        while len(rows) >= _FEWEST and failures < _ATTEMPTS:
            part = self.sampled_part(rows)
            found = [part] if part is not None else []
            if part is None or len(part.rows) < _SMALL_PART * len(rows):
                found += self.parts_in_a_row(_without(rows, found))
            failures = 0 if found else failures + 1
            parts += found
            rows = _without(rows, found)
        return parts

    def sampled_part(self, rows: _Rows) -> Part | None:
        """The largest part that one of many samples of four points is in."""
        if len(rows) < _FEWEST:
            return None
        scored = self.random.choice(rows, min(len(rows), _SCORED), replace=False)
        chosen = self.best_sample(self.samples(rows), scored)
        wider = self.random.choice(rows, min(len(rows), _FITTED), replace=False)
        for _ in range(_REFITS):
            matrix = self.fit(chosen) if len(chosen) >= 4 else None
            if matrix is None:
                return None
            chosen = wider[self.matches(matrix, wider)]
        return self.part(matrix, rows) if len(chosen) >= _FEWEST else None

    def parts_in_a_row(self, rows: _Rows) -> list[Part]:
        """Parts whose points follow one another, at least `_WINDOW` of them."""
        count = len(rows) // _WINDOW
        blocks = rows[: count * _WINDOW].reshape(count, _WINDOW)
        before, after = self.before[:, blocks], self.after[:, blocks]
        starts, ends = find_runs(before, after, self.rounding(blocks.ravel()))
        taken = np.zeros(len(rows), np.bool_)
        parts: list[Part] = []
        for start, end in zip(starts * _WINDOW, ends * _WINDOW, strict=True):
            matrix = self.fit(rows[start:end])
            around = np.arange(max(0, start - _WINDOW), min(len(rows), end + _WINDOW))
            around = around[~taken[around]]
            part = self.part(matrix, rows[around]) if matrix is not None else None
            if part is not None and len(part.rows) >= _FEWEST:
                taken[around] = np.isin(rows[around], part.rows)
                parts.append(part)
        return parts

    def samples(self, rows: _Rows) -> _Rows:
        """[S, 4]: half of them anywhere, half close to one another in order."""
        anywhere = self.random.integers(0, len(rows), (_SAMPLES // 2, 4))
        first = self.random.integers(0, max(1, len(rows) - _WINDOW), (_SAMPLES // 2, 1))
        close = first + self.random.integers(0, min(_WINDOW, len(rows)), (_SAMPLES // 2, 4))
        return rows[np.concatenate([anywhere, close])]

    def best_sample(self, samples: _Rows, scored: _Rows) -> _Rows:
        """Those of `scored` that move with the best of `samples`, and the sample itself.

        The weights of a point relative to four others say how much of their rounding it gets.
        """
        corners = _homogeneous(self.before[:, samples])  # [4, S, 4]
        corners = corners.transpose(1, 0, 2)
        solid = np.linalg.cond(corners) < 1 / _ROUNDING
        if not solid.any():
            return scored[:0]
        samples, corners = samples[solid], corners[solid]
        weights = np.linalg.inv(corners) @ _homogeneous(self.before[:, scored])  # [S, 4, T]
        moved = np.einsum("isk,skt->ist", self.after[:, samples], weights)
        errors = np.abs(moved - self.after[:, None, scored]).max(axis=0)
        bounds = self.rounding(scored) * (1 + np.abs(weights).sum(axis=1))
        extent = np.ptp(self.after[:, scored], axis=1).max()
        inside = (errors <= bounds) & (bounds <= _LARGEST_BOUND * extent)
        best = inside.sum(axis=1).argmax()
        return np.union1d(scored[inside[best]], samples[best])

    def rounding(self, rows: _Rows) -> float:
        sizes = (np.abs(points[:, rows]).max(initial=0.0) for points in (self.before, self.after))
        return _TOLERANCE * _ROUNDING * max(sizes)

    def fit(self, rows: _Rows) -> _Matrix | None:
        """The map of at most `_FITTED` of `rows` by least squares; None if they have none."""
        rows = _spread(rows, _FITTED)
        before, after = self.before[:, rows], self.after[:, rows]
        center, target = before.mean(axis=1), after.mean(axis=1)
        axes, lengths, _ = np.linalg.svd(before - center[:, None], full_matrices=False)
        noise = 4 * _ROUNDING * np.abs(before).max(initial=0.0)
        rank = int((lengths * _RANK_ERROR > noise).sum())
        axes, lengths = axes[:, :rank], lengths[:rank]
        inner = np.einsum("ik,im->km", axes, before - center[:, None])
        stretched = np.einsum("im,km->ik", after - target[:, None], inner) / lengths**2
        linear = _completed(axes, stretched)
        return _affine(linear, target - linear @ center)

    def shift(self, rows: _Rows) -> _Matrix:
        return _affine(np.eye(3), (self.after[:, rows] - self.before[:, rows]).mean(axis=1))

    def matches(self, matrix: _Matrix, rows: _Rows) -> NDArray[np.bool_]:
        """Which of `rows` `matrix` moved, up to rounding."""
        before, after = self.before[:, rows], self.after[:, rows]
        reach = np.abs(matrix[:3, :3]) @ np.abs(before).max(axis=1, initial=0.0)
        size = max((reach + np.abs(matrix[:3, 3])).max(), np.abs(after).max(initial=0.0))
        errors = np.abs(_mapped(matrix, before) - after).max(axis=0)
        return errors <= _TOLERANCE * _ROUNDING * size

    def part(self, matrix: _Matrix, rows: _Rows) -> Part | None:
        blocks = [rows[start : start + _VERIFIED] for start in range(0, len(rows), _VERIFIED)]
        rows = np.concatenate([block[self.matches(matrix, block)] for block in blocks])
        if not len(rows):
            return None
        extent = np.ptp(self.before[:, rows], axis=1)
        change = np.abs(matrix[:3, :3] - np.eye(3)) @ extent
        return Part(rows, matrix, bool(change.max() > 2 * self.rounding(rows)))


def _columns(points: NDArray[np.float32]) -> _Points:
    return np.ascontiguousarray(points.T, np.float64)


def _without(rows: _Rows, parts: list[Part]) -> _Rows:
    """`rows` that are in none of `parts`."""
    if not parts:
        return rows
    return np.setdiff1d(rows, np.concatenate([part.rows for part in parts]), assume_unique=True)


def _completed(axes: NDArray[np.float64], stretched: NDArray[np.float64]) -> NDArray[np.float64]:
    """The linear map [3, 3] of orthonormal `axes` [3, K] to `stretched` [3, K]; K is 0 to 3."""
    rank = axes.shape[1]
    if rank == 2:
        normal = np.cross(stretched[:, 0], stretched[:, 1])
        area = np.linalg.norm(normal)
        across = normal / np.sqrt(area) if area > 0 else normal
        axes = np.column_stack([axes, np.cross(axes[:, 0], axes[:, 1])])
        stretched = np.column_stack([stretched, across])
    elif rank < 2:  # a turn about the line cannot be seen
        return np.eye(3)
    return stretched @ axes.T


def _affine(linear: NDArray[np.float64], translation: NDArray[np.float64]) -> _Matrix:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, translation
    return matrix


def _mapped(matrix: _Matrix, points: _Points) -> _Points:
    rows = (sum(factor * axis for factor, axis in zip(row, points, strict=False)) for row in matrix)
    return np.stack([next(rows) + shift for shift in matrix[:3, 3]])


def _homogeneous(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([points, np.ones_like(points[:1])])


def _spread(rows: _Rows, count: int) -> _Rows:
    """At most about `count` of `rows`, evenly."""
    return rows[:: 1 + (len(rows) - 1) // count] if len(rows) else rows
