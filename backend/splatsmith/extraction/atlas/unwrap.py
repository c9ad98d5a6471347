"""UV unwrapping: a surface segmented into charts, flattened, and packed into a square."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ...gaussians.numba_jit import Floats
from ...progress import Progress
from ..array_types import Indices
from ..surface.adjacency import group_members, group_starts
from ..surface.shading_normals import split_sharp_edges
from ..surface.triangle_surface import Surface
from .charts import FaceGraph, chart_normals, renumber, segment_charts
from .flattening import (
    ChartPoints,
    chart_points,
    minimal_rectangles,
    split_charts,
    split_disconnected,
    tangent_axes,
)
from .overlap_removal import remove_overlaps
from .packing import FlatCharts, pack_charts

_MAX_MOVE = 1e-3  # of a point, by the side of a square as large as all charts: a texel or two
_MIN_FACING = 0.02  # cosine: faces more slanted in their chart get one of their own
_MAX_STRETCH = 2.0  # of a chart to its area on the surface


@dataclass(frozen=True)
class Atlas:
    """A surface split at seams and sharp edges, with texture coordinates.

    Attributes:
        surface: its faces are those of the given surface, in the same order.
        uvs: [V, 2] float32, 0..1 right and down from the upper left corner, as in glTF.
        normals: [V, 3] unit length, of the unsplit surface: seams do not show in them.
        source: [V] the given surface's vertex that each one is a copy of.
        charts: [F] the chart of every face.
    """

    surface: Surface
    uvs: Floats
    normals: Floats
    source: Indices
    charts: Indices


def unwrap(surface: Surface, progress: Progress) -> Atlas:
    """Unwrap `surface` without overlaps, charts 1/512 of the side apart.

    Raises:
        InvalidRequest: it falls into too many charts.
        Cancelled: between two steps.
    """
    progress.step(0, 3)
    graph = FaceGraph.from_surface(surface)
    chart = segment_charts(graph)
    progress.step(1, 3)
    chart, flat = _flatten(surface, graph, chart)
    progress.step(2, 3)
    # Packing takes one core, and only the texture coordinates depend on it.
    with ThreadPoolExecutor(1) as executor:
        packing = executor.submit(pack_charts, flat)
        shaded = split_sharp_edges(surface, graph.geometry.neighbors)
        _, order = group_members(chart, len(flat.starts) - 1)
        # A vertex of the atlas for each point of a chart, and several where an edge is sharp.
        keys = flat.faces * np.int64(len(shaded.source)) + shaded.surface.faces[order]
        unique, corners = np.unique(keys, return_inverse=True)
        points, split = np.divmod(unique, len(shaded.source))
        faces = np.empty_like(surface.faces)
        faces[order] = corners.reshape(-1, 3)
        seamed = Surface(shaded.surface.vertices[split], faces)
        uvs = packing.result()
    progress.step(3, 3)
    return Atlas(seamed, uvs[points], shaded.normals[split], shaded.source[split], chart)


def _flatten(surface: Surface, graph: FaceGraph, chart: Indices) -> tuple[Indices, FlatCharts]:
    """Charts in the plane, split until none overlaps itself."""
    neighbors = graph.geometry.neighbors
    max_move = _MAX_MOVE * np.sqrt(float(graph.areas.sum()))
    while True:
        chart = split_disconnected(neighbors, _isolate_folds(graph, chart))
        starts, order = group_members(chart, int(chart.max()) + 1)
        boundary = (neighbors < 0) | (chart[neighbors] != chart[:, None])
        found = chart_points(surface.faces, neighbors, chart, order)
        points = _project(surface, graph, chart, found)
        overlapping = remove_overlaps(points, found.corners, boundary[order], starts, max_move)
        if (overlapping < 0).all():
            tight = minimal_rectangles(points, group_starts(found.chart, len(overlapping)))
            return chart, FlatCharts(tight, found.corners, starts)
        split_charts(neighbors, chart, np.where(overlapping < 0, -1, order[overlapping]))
        chart = renumber(chart)


def _isolate_folds(graph: FaceGraph, chart: Indices) -> Indices:
    """Give faces that point away from their chart's normal a chart of their own."""
    while True:
        axes = chart_normals(graph, chart)
        facing = np.einsum("ij,ij->i", graph.geometry.normals, axes[chart])
        folded = np.flatnonzero((facing < _MIN_FACING) & (graph.areas > 0))
        folded = folded[np.bincount(chart)[chart[folded]] > 1]
        if not folded.size:
            return chart
        chart[folded] = len(axes) + np.arange(len(folded))
        chart = renumber(chart)


def _project(surface: Surface, graph: FaceGraph, chart: Indices, found: ChartPoints) -> Floats:
    """[M, 2] the chart points projected along their charts' normals, rescaled to their areas."""
    count = int(chart.max()) + 1
    axes = chart_normals(graph, chart)
    positions = surface.vertices[found.source]
    points = np.einsum("mij,mj->mi", tangent_axes(axes)[found.chart], positions)
    facing = np.einsum("ij,ij->i", graph.geometry.normals, axes[chart])
    projected = np.bincount(chart, graph.areas * facing, count)
    growth = np.sqrt(np.bincount(chart, graph.areas, count) / np.maximum(projected, 1e-30))
    points *= np.clip(growth, 1, _MAX_STRETCH)[found.chart, None].astype(np.float32)
    return points.astype(np.float32)
