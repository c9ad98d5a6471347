"""Simplification of surfaces to a face budget."""

from __future__ import annotations

import fast_simplification
import numpy as np
import trimesh

from ..surface.triangle_surface import Surface
from .edge_collapse import collapse_edges
from .manifold_repair import repair_manifold, separate_coincident_vertices

_AGGRESSION = (7, 9, 11)  # how fast the bound on the error grows, tried until the budget is met
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
_OFFSET = 0.01  # median edge lengths between two vertices that were one


def simplify(surface: Surface, face_budget: int) -> Surface:
    """The same surface with at most `face_budget` triangles; boundaries keep their shape.

    Holes and components too many for the budget are given up.
    """
    if len(surface.faces) <= face_budget:
        return surface
    vertices, faces = collapse_edges(
        surface.vertices.astype(np.float64), surface.faces, face_budget
    )
    reduced = Surface(vertices.astype(np.float32), faces).compact()
    if len(reduced.faces) <= face_budget:
        return separate_coincident_vertices(reduced, _OFFSET * _median_edge(reduced))
    for aggression in _AGGRESSION:
        if len(reduced.faces) <= face_budget:
            break
        reduced = _decimate(surface, face_budget, aggression)
    if len(reduced.faces) > face_budget or not len(reduced.faces):
        return _convex_hull(surface, face_budget)
    return reduced


def _decimate(surface: Surface, face_budget: int, aggression: int) -> Surface:
    """Whatever becomes of the topology."""
    vertices, faces = fast_simplification.simplify(
        surface.vertices.astype(np.float64),
        surface.faces,
        target_count=face_budget,
        agg=aggression,
    )[:2]
    reduced = Surface(vertices.astype(np.float32), faces.astype(np.int32))
    return repair_manifold(reduced, _OFFSET * _median_edge(reduced))


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
