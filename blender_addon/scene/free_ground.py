"""Free ground: where a new object stands clear of what is in the scene.

What stands there is known by points on it: vertices of dense data, samples of large faces, so that
one test serves meshes, splats and point clouds. A place is taken if some of them are in the new
object's box, or all around it, as the points of a closed box around it are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..contract.bounds import Box

Points = NDArray[np.float32]  # [N, 3], world

TAKEN_POINTS = 3  # fewer in a box are floaters
_TOUCHING = 0.1  # of the box's edges: things may overlap by this much where they were put exactly
_GAP = 0.1  # of the box's longest edge, to what it is moved aside for
_RINGS, _DIRECTIONS = 80, 16
_RING_STEP = 0.25  # of the box's longest horizontal edge


@dataclass(frozen=True, eq=False)
class Obstacle:
    """An object by its bounds in the world [3], and points on it, which are sampled when needed."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    sample: Callable[[], Points]

    @cached_property
    def columns(self) -> NDArray[np.float32]:
        """The points, [3, N] and contiguous along each axis, which numpy compares faster."""
        points = self.sample()
        return np.ascontiguousarray(points[np.isfinite(points).all(axis=1)].T)

    def blocks(self, box: Box) -> bool:
        """Whether it reaches into the box, or closes the box in on all sides."""
        if (self.upper < box.lower).any() or (self.lower > box.upper).any():
            return False
        return self._reaches_into(box) or all(self._is_beside(box, axis) for axis in range(3))

    def hides(self, box: Box, eye: Points | None) -> bool:
        """Whether the box cannot be there; an obstacle around both box and eye hides nothing."""
        if not self.blocks(box):
            return False
        if eye is None or self._reaches_into(box):
            return True
        half = (box.upper - box.lower) / 2
        return not self.blocks(Box(eye - half, eye + half))

    def _reaches_into(self, box: Box) -> bool:
        return int(np.count_nonzero(self._within(box, range(3)))) >= TAKEN_POINTS

    def _is_beside(self, box: Box, axis: int) -> bool:
        """Whether there are points beyond both sides of the box along `axis`."""
        beside = self.columns[axis][self._within(box, {0, 1, 2} - {axis})]
        return bool((beside < box.lower[axis]).any() and (beside > box.upper[axis]).any())

    def _within(self, box: Box, axes: Iterable[int]) -> NDArray[np.bool_]:
        """[N], which points lie between the box's sides along these axes."""
        within = np.ones(self.columns.shape[1], np.bool_)
        for axis in axes:
            within &= self.columns[axis] > box.lower[axis]
            within &= self.columns[axis] < box.upper[axis]
        return within


def find_free_ground(
    box: Box, obstacles: Iterable[Obstacle], eye: Sequence[float] | None = None
) -> tuple[float, float]:
    """How far to move `box` along X and Y to the nearest place that nothing takes.

    eye: from where the scene is seen: of places equally far away, those are taken that lie before
        an obstacle or to its right.

    (0, 0) if it can stay, or if there is no place within 20 times its size.
    """
    near = [each for each in obstacles if not (each.upper[2] < box.lower[2])]
    point = None if eye is None else np.array(eye, np.float32)
    if not _is_taken(_shrunk(box), near, point):
        return 0.0, 0.0
    grown = _grown(box)
    for x, y in _candidates(box, point):
        offset = np.array((x, y, 0), np.float32)
        if not _is_taken(Box(grown.lower + offset, grown.upper + offset), near, point):
            return x, y
    return 0.0, 0.0


def _is_taken(box: Box, obstacles: Iterable[Obstacle], eye: Points | None) -> bool:
    return any(each.hides(box, eye) for each in obstacles)


def _shrunk(box: Box) -> Box:
    """What may not be touched of a box that stands on ground, which need not be flat."""
    margin = _TOUCHING * (box.upper - box.lower)
    return Box(box.lower + margin, box.upper - margin)


def _grown(box: Box) -> Box:
    """The same of a box that is moved aside: with a gap around it, but not below."""
    gap = _GAP * float((box.upper - box.lower).max())
    low = np.array((-gap, -gap, _TOUCHING * (box.upper - box.lower)[2]), np.float32)
    return Box(box.lower + low, box.upper + np.float32(gap))


def _candidates(box: Box, eye: Points | None) -> Iterator[tuple[float, float]]:
    """Offsets along X and Y, ring after ring."""
    step = _RING_STEP * float((box.upper - box.lower)[:2].max())
    first = _preferred_angle(box, eye)
    turns = [((i + 1) // 2) * (-1) ** i for i in range(_DIRECTIONS)]  # 0, -1, 1, -2, 2, ...
    for ring in range(1, _RINGS + 1):
        for turn in turns:
            angle = first + 2 * math.pi * turn / _DIRECTIONS
            yield ring * step * math.cos(angle), ring * step * math.sin(angle)


def _preferred_angle(box: Box, eye: Points | None) -> float:
    """Half way between the viewer's right and the viewer; +X without one."""
    if eye is None:
        return 0.0
    x, y = (eye - (box.lower + box.upper) / 2)[:2].tolist()
    return math.atan2(y, x) + math.pi / 4 if x or y else 0.0
