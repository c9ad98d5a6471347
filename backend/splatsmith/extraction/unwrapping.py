"""A texture atlas: a surface cut into charts, laid flat and packed on a square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gaussians.compiling import Floats, Integers
from ..progress import Progress
from .adjacency import Indices, starts_of
from .charts import FaceGraph, chart_axes, cut_into_charts, members_of, renumbered
from .flattening import divide, narrow_frames, overlaps, plane_axes
from .packing import FlatCharts, pack
from .shading import shade
from .surface import Surface

_FINENESS = 8192  # cells a side, for the area of all charts, at which overlaps are looked for
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
    chart = cut_into_charts(graph)
    progress.step(1, 3)
    shaded = shade(surface, graph.neighbors)
    chart, flat, source = _lay_flat(shaded.surface, graph, chart)
    progress.step(2, 3)
    uvs = pack(flat)
    progress.step(3, 3)
    faces = np.empty_like(flat.faces)
    faces[members_of(chart, int(chart.max()) + 1)[1]] = flat.faces
    split = Surface(shaded.surface.vertices[source], faces)
    return Atlas(split, uvs, shaded.normals[source], shaded.source[source], chart)


def _lay_flat(
    surface: Surface, graph: FaceGraph, chart: Indices
) -> tuple[Indices, FlatCharts, Indices]:
    """Charts in the plane, divided until none overlaps itself; and each point's vertex.

    Dividing one chart changes no other: only the parts are looked at again.
    """
    fineness = _FINENESS / np.sqrt(max(float(graph.areas.sum()), 1e-30))
    suspect = np.ones(len(chart), bool)
    while True:
        chart = _without_folds(graph, chart)
        _, order = members_of(chart, int(chart.max()) + 1)
        flat, source = _project(surface, graph, chart, order)
        looked_at = np.bincount(chart, suspect) > 0
        found = overlaps(flat.points, flat.faces, flat.starts, looked_at, fineness)
        if (found < 0).all():
            return chart, flat, source
        count = len(found)
        divide(graph.neighbors, chart, np.where(found < 0, -1, order[found]))
        suspect = chart >= count
        chart = renumbered(chart)


def _without_folds(graph: FaceGraph, chart: Indices) -> Indices:
    """Give every face that its chart's direction does not see a chart of its own."""
    while True:
        axes = chart_axes(graph, chart)
        facing = np.einsum("ij,ij->i", graph.normals, axes[chart])
        folded = np.flatnonzero((facing < _LEAST_FACING) & (graph.areas > 0))
        folded = folded[np.bincount(chart)[chart[folded]] > 1]
        if not folded.size:
            return chart
        chart[folded] = len(axes) + np.arange(len(folded))
        chart = renumbered(chart)


def _project(
    surface: Surface, graph: FaceGraph, chart: Indices, order: Integers
) -> tuple[FlatCharts, Indices]:
    """The charts seen along their normals, scaled back to their area on the surface."""
    count = int(chart.max()) + 1
    owner = np.repeat(chart[order], 3)
    keys = owner.astype(np.int64) * len(surface.vertices) + surface.faces[order].reshape(-1)
    unique, corners = np.unique(keys, return_inverse=True)
    of_chart = (unique // len(surface.vertices)).astype(np.int32)
    source = (unique % len(surface.vertices)).astype(np.int32)
    axes = chart_axes(graph, chart)
    points = np.einsum("mij,mj->mi", plane_axes(axes)[of_chart], surface.vertices[source])
    seen = np.bincount(
        chart, graph.areas * np.einsum("ij,ij->i", graph.normals, axes[chart]), count
    )
    growth = np.sqrt(np.bincount(chart, graph.areas, count) / np.maximum(seen, 1e-30))
    points *= np.clip(growth, 1, 2)[of_chart, None].astype(np.float32)
    frames = narrow_frames(points.astype(np.float32), starts_of(of_chart, count))
    return FlatCharts(
        frames, corners.reshape(-1, 3).astype(np.int32), starts_of(chart[order], count)
    ), source
