"""A texture atlas: a surface cut into charts, laid flat and packed on a square."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ...gaussians.numba_jit import Floats
from ...progress import Progress
from ..surface.adjacency import Indices, group_members, group_starts
from ..surface.shading_normals import split_sharp_edges
from ..surface.triangle_surface import Surface
from .charts import FaceGraph, chart_normals, renumber, segment_charts
from .flattening import (
    chart_points,
    minimal_rectangles,
    split_charts,
    split_disconnected,
    tangent_axes,
)
from .overlap_removal import remove_overlaps
from .packing import FlatCharts, pack_charts

_MOST_MOVE = 1e-3  # of the side of a square as large as all charts: a texel or two
_LEAST_FACING = 0.02  # cosine: a face seen flatter than that gets a chart of its own


@dataclass(frozen=True)
class Atlas:
    """A surface split at seams and sharp edges, every vertex with its place in the texture.

    Attributes:
        surface: the faces are the given surface's, in its order.
        uvs: [V, 2] float32 as in glTF: 0..1 to the right and downwards from the upper left corner.
        normals: [V, 3] unit length, of the whole surface: seams do not show in them.
        source: [V] the vertex of the given surface that each came from.
        charts: [F] the chart of every face.
    """

    surface: Surface
    uvs: Floats
    normals: Floats
    source: Indices
    charts: Indices


def unwrap(surface: Surface, progress: Progress) -> Atlas:
    """Lay all of `surface` on a square: no face over another, charts 1/512 of the side apart.

    Raises:
        InvalidRequest: it falls into too many pieces.
        Cancelled: between two steps.
    """
    progress.step(0, 3)
    graph = FaceGraph.of(surface)
    chart = segment_charts(graph)
    progress.step(1, 3)
    chart, flat = _lay_flat(surface, graph, chart)
    progress.step(2, 3)
    # Packing takes one core, and nothing but the places in the texture needs it.
    with ThreadPoolExecutor(1) as beside:
        packing = beside.submit(pack_charts, flat)
        shaded = split_sharp_edges(surface, graph.neighbors)
        _, order = group_members(chart, len(flat.starts) - 1)
        # A vertex of the atlas for each point of a chart, and more where an edge is sharp.
        keys = flat.faces * np.int64(len(shaded.source)) + shaded.surface.faces[order]
        unique, corners = np.unique(keys, return_inverse=True)
        points, split = np.divmod(unique, len(shaded.source))
        faces = np.empty_like(surface.faces)
        faces[order] = corners.reshape(-1, 3)
        skin = Surface(shaded.surface.vertices[split], faces)
        uvs = packing.result()
    progress.step(3, 3)
    return Atlas(skin, uvs[points], shaded.normals[split], shaded.source[split], chart)


def _lay_flat(surface: Surface, graph: FaceGraph, chart: Indices) -> tuple[Indices, FlatCharts]:
    """Charts in the plane, divided until none overlaps itself."""
    most = _MOST_MOVE * np.sqrt(float(graph.areas.sum()))
    while True:
        chart = split_disconnected(graph.neighbors, _without_folds(graph, chart))
        starts, order = group_members(chart, int(chart.max()) + 1)
        rims = (graph.neighbors < 0) | (chart[graph.neighbors] != chart[:, None])
        points, corners, of_chart = _project(surface, graph, chart, order)
        tangled = remove_overlaps(points, corners, rims[order], starts, most)
        if (tangled < 0).all():
            frames = minimal_rectangles(points, group_starts(of_chart, len(tangled)))
            return chart, FlatCharts(frames, corners, starts)
        split_charts(graph.neighbors, chart, np.where(tangled < 0, -1, order[tangled]))
        chart = renumber(chart)


def _without_folds(graph: FaceGraph, chart: Indices) -> Indices:
    """Give every face that its chart's direction does not see a chart of its own."""
    while True:
        axes = chart_normals(graph, chart)
        facing = np.einsum("ij,ij->i", graph.normals, axes[chart])
        folded = np.flatnonzero((facing < _LEAST_FACING) & (graph.areas > 0))
        folded = folded[np.bincount(chart)[chart[folded]] > 1]
        if not folded.size:
            return chart
        chart[folded] = len(axes) + np.arange(len(folded))
        chart = renumber(chart)


def _project(
    surface: Surface, graph: FaceGraph, chart: Indices, order: Indices
) -> tuple[Floats, Indices, Indices]:
    """The charts seen along their normals, scaled back to their area on the surface.

    Returns:
        Points [M, 2], chart after chart; the faces' corners among them [F, 3], in `order`; and
        each point's chart [M].
    """
    count = int(chart.max()) + 1
    corners, source, of_chart = chart_points(surface.faces, graph.neighbors, chart, order)
    axes = chart_normals(graph, chart)
    points = np.einsum("mij,mj->mi", tangent_axes(axes)[of_chart], surface.vertices[source])
    seen = np.bincount(
        chart, graph.areas * np.einsum("ij,ij->i", graph.normals, axes[chart]), count
    )
    growth = np.sqrt(np.bincount(chart, graph.areas, count) / np.maximum(seen, 1e-30))
    points *= np.clip(growth, 1, 2)[of_chart, None].astype(np.float32)
    return points.astype(np.float32), corners, of_chart
