"""Flat charts laid side by side on a square sheet, by their true outlines.

Every chart becomes a mask of cells; the largest first, each goes to the lowest free place in the
best of four quarter turns, and the scale is sought at which the last one just fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ...contract.problems import InvalidRequest
from ...gaussians.numba_jit import Floats, Integers, jit
from ..surface.adjacency import Doubles, Indices
from .occupancy import (
    Mask,
    OccupancyGrid,
    dilated,
    empty_grid,
    first_fit,
    occupy,
    rasterize_chart,
    runs,
    turned,
)

GRID_SIZE = 512  # a side of the sheet
_GAPS = (1, 0)  # cells between charts: fewer only where there are too many charts
_FILLING = 0.65  # of the sheet, by the charts: where the search for the scale begins
_STEPS = np.array([0.95, 0.97, 0.985, 1.0, 1.015])  # of a scale, tried side by side
_ENOUGH = 0.97  # of the sheet's height in use: all may fit, and none is looked for beyond
_TRIES = 4
_LEAST_SCALE = 1e-3  # of what the area alone would allow: not even points fit then


@dataclass(frozen=True)
class FlatCharts:
    """C charts in the plane.

    points: [M, 2], from 0 up, each in its chart's own frame.
    faces: [F, 3], chart after chart: those of chart c are faces[starts[c]:starts[c + 1]].
    """

    points: Floats
    faces: Indices
    starts: Indices

    @property
    def area(self) -> float:
        a, b, c = (self.points[self.faces[:, i]].astype(np.float64) for i in range(3))
        u, v = b - a, c - a
        return max(float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2), 1e-30)


def pack_charts(charts: FlatCharts) -> Floats:
    """The place [M, 2] of every point, 0..1 to the right and downwards, all charts at one scale.

    Raises:
        InvalidRequest: there are too many charts for any sheet.
    """
    extents = _extents(charts)
    order = np.argsort(-extents.prod(axis=1), kind="stable")
    for gap in _GAPS:
        if len(order) * (1 + gap) ** 2 > GRID_SIZE * GRID_SIZE:
            continue
        scale, places = _largest(charts, order, gap)
        if scale:
            return _lay(charts, scale, places, extents)
    raise InvalidRequest(
        "The mesh has too many separate pieces for a texture.",
        "Take colours at the vertices instead, or allow fewer faces.",
    )


def _extents(charts: FlatCharts) -> Floats:
    """The width and height [C, 2] of every chart."""
    corners = charts.points[charts.faces].max(axis=1)
    return np.maximum.reduceat(corners, charts.starts[:-1], axis=0)


def _largest(charts: FlatCharts, order: Integers, gap: int) -> tuple[float, Integers]:
    """The largest scale found at which all charts fit, in cells per unit, and their places.

    The scale is 0 if they never do.
    """
    scale = float(np.sqrt(_FILLING / charts.area)) * GRID_SIZE
    least = _LEAST_SCALE * scale
    fits, best = 0.0, np.empty((0, 3), np.int64)
    for attempt in range(10 * _TRIES):
        tried = scale * _STEPS
        places, heights = _place_all(charts.points, charts.faces, charts.starts, order, tried, gap)
        fitting = np.flatnonzero(heights <= GRID_SIZE)
        if not fitting.size and fits:
            break
        if fitting.size:
            fits, best = float(tried[fitting[-1]]), places[fitting[-1]]
            if fitting.size < len(tried) or heights[-1] >= _ENOUGH * GRID_SIZE:
                break
        # Heights grow with the square of the scale.
        nearest = -1 if fitting.size else 0
        scale = tried[nearest] * float(np.clip(np.sqrt(GRID_SIZE / heights[nearest]), 0.5, 1.2))
        if scale < least or (fits and attempt >= _TRIES):
            break
    return fits, best


@jit(parallel=True)
def _place_all(
    points: Floats,
    faces: Indices,
    starts: Indices,
    order: Integers,
    scales: Doubles,
    gap: int,
) -> tuple[Integers, Integers]:
    """As `_place` for each of K scales: places [K, C, 3] and heights [K]."""
    places = np.zeros((len(scales), len(order), 3), np.int64)
    heights = np.zeros(len(scales), np.int64)
    for k in numba.prange(len(scales)):
        found, height = _place(points, faces, starts, order, (scales[k], gap))
        places[k], heights[k] = found, height
    return places, heights


@jit()
def _place(
    points: Floats,
    faces: Indices,
    starts: Indices,
    order: Integers,
    manner: tuple[float, int],
) -> tuple[Integers, int]:
    """Of every chart column, row and quarter turns [C, 3]; and the height that all take.

    The height is twice the sheet's if they do not even fit there.
    """
    scale, gap = manner
    sheet = empty_grid(2 * GRID_SIZE, GRID_SIZE)
    lowest = np.zeros((GRID_SIZE + 1, GRID_SIZE + 1), np.int64)
    places = np.zeros((len(order), 3), np.int64)
    height = 0
    for chart in order:
        mask = rasterize_chart(points, faces[starts[chart] : starts[chart + 1]], scale)
        place, top = _seat(sheet, mask, gap, lowest)
        if top > 2 * GRID_SIZE:
            return places, 2 * GRID_SIZE
        places[chart] = place
        occupy(sheet, runs(turned(mask, place[2])), place[0], place[1])
        height = max(height, top)
    return places, height


@jit()
def _seat(sheet: OccupancyGrid, mask: Mask, gap: int, lowest: Integers) -> tuple[Integers, int]:
    """The best column, row and quarter turns [3] for a chart, and where its top then lies.

    `lowest` knows for every height and width of a shape in which row the last such one found its
    place: there is hardly room for another one below, so the search begins there.
    """
    place = np.zeros(3, np.int64)
    best = 2 * GRID_SIZE + 1
    for turns in range(4):
        wide = dilated(turned(mask, turns), gap)
        tall, broad = min(wide.shape[0], GRID_SIZE), min(wide.shape[1], GRID_SIZE)
        x, y = first_fit(sheet, runs(wide), wide.shape, (int(lowest[tall, broad]), best))
        lowest[tall, broad] = y if x >= 0 else max(best - wide.shape[0], 0)
        if x >= 0:
            best = y + wide.shape[0]
            place[0], place[1], place[2] = x + gap, y + gap, turns
    return place, best


def _lay(charts: FlatCharts, scale: float, places: Integers, extents: Floats) -> Floats:
    """Scale, turn and move the points to their charts' places."""
    chart = np.zeros(len(charts.points), np.int64)
    chart[charts.faces] = np.repeat(np.arange(len(extents)), np.diff(charts.starts))[:, None]
    cells = np.floor(extents * np.float64(scale))[chart] + 1
    x, y = (charts.points * np.float64(scale)).T
    turns = places[chart, 2]
    across = np.select(
        [turns == 0, turns == 1, turns == 2], [x, cells[:, 1] - y, cells[:, 0] - x], y
    )
    up = np.select([turns == 0, turns == 1, turns == 2], [y, x, cells[:, 1] - y], cells[:, 0] - x)
    corner = places[chart, :2]
    uvs = (np.stack([across, up], axis=1) + corner) / GRID_SIZE
    uvs[:, 1] = 1 - uvs[:, 1]  # rows of pictures run downwards
    return uvs.astype(np.float32)
