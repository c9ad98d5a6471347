"""Simplification of surfaces to a face budget."""

from __future__ import annotations

import numpy as np
import trimesh

from ..surface.triangle_surface import Surface
from .edge_collapse import RELAXED, STRICT, ShapeLimits, collapse_edges
from .manifold_repair import repair_manifold, separate_coincident_vertices
from .vertex_clustering import cluster_vertices

_FIRST_CELL = 1 / 8  # of the median edge, when vertices are clustered
_CELL_GROWTH = 1.5  # until the budget is met
_LEAST_CELL = 1e-3  # of the extent
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
_OFFSET = 0.01  # median edge lengths between two vertices that were one


def simplify(surface: Surface, face_budget: int) -> Surface:
    """The same surface with at most `face_budget` triangles; boundaries keep their shape.

    Edges are collapsed, without flipping or degenerate faces if that is enough. Where handles and
    components are too many for the budget, vertices are clustered, in cells as small as will do.
    """
    if len(surface.faces) <= face_budget:
        return surface
    reduced = _collapse(_collapse(surface, face_budget, STRICT), face_budget, RELAXED)
    extent = float(np.ptp(surface.vertices, axis=0).max())
    cell = max(_FIRST_CELL * _median_edge(reduced), _LEAST_CELL * extent)
    while len(reduced.faces) > face_budget:
        clustered = cluster_vertices(reduced, cell, _OFFSET * cell)
        reduced = _collapse(clustered, face_budget, RELAXED)
        cell *= _CELL_GROWTH
    return reduced if len(reduced.faces) else _convex_hull(surface, face_budget)


def _collapse(surface: Surface, face_budget: int, limits: ShapeLimits) -> Surface:
    """At most `face_budget` triangles, or as few as the topology and `limits` allow."""
    if len(surface.faces) <= face_budget:
        return surface
    vertices, faces = collapse_edges(
        surface.vertices.astype(np.float64), surface.faces, face_budget, limits
    )
    reduced = Surface(vertices.astype(np.float32), faces).compact()
    return separate_coincident_vertices(reduced, _OFFSET * _median_edge(reduced))


def _convex_hull(surface: Surface, face_budget: int) -> Surface:
    """Of so few points, far apart, that it has at most `face_budget` triangles."""
    points = surface.vertices - surface.vertices.mean(axis=0)
    points /= np.maximum(points.std(axis=0), 1e-6)  # or the points of a flat thing lie in a plane
    chosen = (points @ _TETRAHEDRON.T).argmax(axis=0).tolist()
    gaps = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(axis=1)
    for _ in range(face_budget // 2 - 2):  # a hull of n points has at most 2 n - 4 faces
        chosen.append(int(gaps.argmax()))
        gaps = np.minimum(gaps, np.linalg.norm(points - points[chosen[-1]], axis=1))
    hull = trimesh.convex.convex_hull(surface.vertices[chosen])
    return Surface(hull.vertices.astype(np.float32), hull.faces.astype(np.int32))


def _median_edge(surface: Surface) -> float:
    """The median length of the faces' first edges; 0 without faces."""
    if not len(surface.faces):
        return 0.0
    a, b = surface.vertices[surface.faces[:, 0]], surface.vertices[surface.faces[:, 1]]
    return float(np.median(np.linalg.norm(a - b, axis=1)))


def join_mirror_image(half: Surface, plane: float, tolerance: float) -> Surface:
    """`half` (x >= plane) and its mirror image, joined along the boundary in x = `plane`.

    Args:
        tolerance: how far from the plane a boundary vertex may lie.
    """
    at_plane = np.abs(half.vertices[:, 0] - plane) < tolerance
    vertices = half.vertices.copy()
    vertices[at_plane, 0] = plane
    numbers = np.arange(len(vertices), dtype=np.int32)
    numbers[~at_plane] = len(vertices) + np.arange((~at_plane).sum(), dtype=np.int32)
    mirrored = vertices[~at_plane] * np.array([-1, 1, 1], np.float32)
    mirrored[:, 0] += np.float32(2 * plane)
    faces = half.faces[~at_plane[half.faces].all(axis=1)]  # those in the plane would be doubled
    both = np.concatenate([faces, numbers[faces][:, ::-1]])
    whole = Surface(np.concatenate([vertices, mirrored]), both).compact()
    # A chord between two boundary vertices is there twice.
    return repair_manifold(whole, _OFFSET * _median_edge(whole))
