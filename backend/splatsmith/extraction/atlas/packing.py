"""Packing of flat charts into a square by their true outlines.

Each chart becomes a mask of cells. Largest first, each goes to the lowest free position in the best
of four quarter turns, and the largest scale is searched at which all charts fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from ...contract.problems import InvalidRequest
from ...gaussians.numba_jit import Floats, Integers, jit
from ..array_types import Doubles, Indices
from .occupancy import (
    CellMask,
    OccupancyGrid,
    dilate_mask,
    empty_grid,
    first_fit,
    occupy,
    rasterize_chart,
    rotate_mask,
)

GRID_SIZE = 512  # cells along a side of the square
_GAPS = (1, 0)  # cells between charts, tried in this order: less only for too many charts
_INITIAL_FILL = 0.65  # of the square, by the charts' area, where the search for the scale starts
_SCALE_STEPS = np.array([0.95, 0.97, 0.985, 1.0, 1.015])  # tried in parallel
_FULL = 0.97  # of the square's height, from which on no larger scale is tried
_TRIES = 4
_LEAST_SCALE = 1e-3  # of what the area alone would allow: not even points fit then


@dataclass(frozen=True)
class FlatCharts:
    """C charts in the plane.

    Attributes:
        points: [M, 2], not negative, each in its chart's own frame.
        faces: [F, 3]; those of chart c are faces[starts[c]:starts[c + 1]].
        starts: [C + 1].
    """

    points: Floats
    faces: Indices
    starts: Indices

    @property
    def area(self) -> float:
        a, b, c = (self.points[self.faces[:, i]].astype(np.float64) for i in range(3))
        u, v = b - a, c - a
        return max(float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2), 1e-30)

    @property
    def extents(self) -> Floats:
        """Width and height [C, 2]."""
        corners = self.points[self.faces].max(axis=1)
        return np.maximum.reduceat(corners, self.starts[:-1], axis=0)


class _Charts(NamedTuple):
    """Flat charts as compiled loops take them, with the order [C] in which they are packed."""

    points: Floats
    faces: Indices
    starts: Indices
    order: Integers


def pack_charts(charts: FlatCharts) -> Floats:
    """UV coordinates [M, 2] of all points, 0..1 right and down, all charts at one scale.

    Raises:
        InvalidRequest: there are too many charts for the square.
    """
    extents = charts.extents
    order = np.argsort(-extents.prod(axis=1), kind="stable")
    for gap in _GAPS:
        if len(order) * (1 + gap) ** 2 > GRID_SIZE * GRID_SIZE:
            continue
        scale, positions = _largest_scale(charts, order, gap)
        if scale:
            return _chart_uvs(charts, scale, positions, extents)
    raise InvalidRequest(
        "The mesh has too many separate pieces for a texture.",
        "Take colours at the vertices instead, or allow fewer faces.",
    )


def _largest_scale(charts: FlatCharts, order: Integers, gap: int) -> tuple[float, Integers]:
    """The largest scale found at which all charts fit, in cells per unit, and their positions.

    The scale is 0 if they never do.
    """
    arrays = _Charts(charts.points, charts.faces, charts.starts, order)
    scale = float(np.sqrt(_INITIAL_FILL / charts.area)) * GRID_SIZE
    least = _LEAST_SCALE * scale
    fits, best = 0.0, np.empty((0, 3), np.int64)
    for attempt in range(10 * _TRIES):
        tried = scale * _SCALE_STEPS
        positions, heights = _pack_at_scales(arrays, tried, gap)
        fitting = np.flatnonzero(heights <= GRID_SIZE)
        if not fitting.size and fits:
            break
        if fitting.size:
            fits, best = float(tried[fitting[-1]]), positions[fitting[-1]]
            if fitting.size < len(tried) or heights[-1] >= _FULL * GRID_SIZE:
                break
        # The height grows with the square of the scale.
        nearest = -1 if fitting.size else 0
        scale = tried[nearest] * float(np.clip(np.sqrt(GRID_SIZE / heights[nearest]), 0.5, 1.2))
        if scale < least or (fits and attempt >= _TRIES):
            break
    return fits, best


@jit(parallel=True)
def _pack_at_scales(charts: _Charts, scales: Doubles, gap: int) -> tuple[Integers, Integers]:
    """As `_pack` for each of K scales: positions [K, C, 3] and heights [K]."""
    positions = np.zeros((len(scales), len(charts.order), 3), np.int64)
    heights = np.zeros(len(scales), np.int64)
    for k in numba.prange(len(scales)):
        found, height = _pack(charts, scales[k], gap)
        positions[k], heights[k] = found, height
    return positions, heights


@jit()
def _pack(charts: _Charts, scale: float, gap: int) -> tuple[Integers, int]:
    """Column, row and quarter turns [C, 3] of every chart; and the height that all take.

    The height is twice the square's if they do not even fit there.
    """
    grid = empty_grid(2 * GRID_SIZE, GRID_SIZE)
    lowest = np.zeros((GRID_SIZE + 1, GRID_SIZE + 1), np.int64)
    positions = np.zeros((len(charts.order), 3), np.int64)
    height = 0
    for chart in charts.order:
        faces = charts.faces[charts.starts[chart] : charts.starts[chart + 1]]
        mask = rasterize_chart(charts.points, faces, scale)
        position, top = _best_position(grid, mask, gap, lowest)
        if top > 2 * GRID_SIZE:
            return positions, 2 * GRID_SIZE
        positions[chart] = position
        occupy(grid, rotate_mask(mask, position[2]), position[0], position[1])
        height = max(height, top)
    return positions, height


@jit()
def _best_position(
    grid: OccupancyGrid, mask: CellMask, gap: int, lowest: Integers
) -> tuple[Integers, int]:
    """The lowest column, row and quarter turns [3] of a chart, and the row above its top.

    Args:
        lowest: by height and width of a mask, the row where the last such one was placed: hardly
            any other fits below, so that the search starts there.
    """
    position = np.zeros(3, np.int64)
    best = 2 * GRID_SIZE + 1
    for turns in range(4):
        wide = dilate_mask(rotate_mask(mask, turns), gap)
        rows, columns = min(wide.shape[0], GRID_SIZE), min(wide.shape[1], GRID_SIZE)
        x, y = first_fit(grid, wide, int(lowest[rows, columns]), best)
        lowest[rows, columns] = y if x >= 0 else max(best - wide.shape[0], 0)
        if x >= 0:
            best = y + wide.shape[0]
            position[0], position[1], position[2] = x + gap, y + gap, turns
    return position, best


def _chart_uvs(charts: FlatCharts, scale: float, positions: Integers, extents: Floats) -> Floats:
    """Scale, rotate and translate the points to their charts' positions."""
    chart = np.zeros(len(charts.points), np.int64)
    chart[charts.faces] = np.repeat(np.arange(len(extents)), np.diff(charts.starts))[:, None]
    cells = np.floor(extents * np.float64(scale))[chart] + 1
    x, y = (charts.points * np.float64(scale)).T
    turns = positions[chart, 2]
    first_three = [turns == 0, turns == 1, turns == 2]
    u = np.select(first_three, [x, cells[:, 1] - y, cells[:, 0] - x], y)
    v = np.select(first_three, [y, x, cells[:, 1] - y], cells[:, 0] - x)
    uvs = (np.stack([u, v], axis=1) + positions[chart, :2]) / GRID_SIZE
    uvs[:, 1] = 1 - uvs[:, 1]  # from rows upwards to v downwards
    return uvs.astype(np.float32)
