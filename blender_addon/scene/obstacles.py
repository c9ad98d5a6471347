"""The scene's visible objects as obstacles, and from where the user sees them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .free_ground import Obstacle, Points

SAMPLES = 4_000  # points on one object
_WITH_FACES = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
_GOLDEN = np.array((0.7548776662, 0.5698402910))  # of a low-discrepancy sequence in two dimensions


def visible_obstacles() -> list[Obstacle]:
    """What is seen in the present view layer and stands somewhere: no cameras, lights, empties."""
    bpy.context.view_layer.update()
    placed = [
        pair
        for obj in bpy.context.view_layer.objects
        if obj.visible_get()
        for pair in _placed_objects(obj)
    ]
    found = (_obstacle(obj, matrix) for obj, matrix in placed)
    return [each for each in found if each is not None]


def eye_location() -> tuple[float, float, float] | None:
    """From where the largest 3D viewport looks; None without a window."""
    areas = [a for w in bpy.context.window_manager.windows for a in w.screen.areas]
    views = [area for area in areas if area.type == "VIEW_3D"]
    if not views:
        return None
    view = max(views, key=lambda area: area.width * area.height)
    x, y, z = view.spaces.active.region_3d.view_matrix.inverted().translation
    return x, y, z


def _placed_objects(obj: bpy.types.Object) -> Iterator[tuple[bpy.types.Object, Matrix]]:
    """The object itself, or those of the collection that it is an instance of."""
    instanced = obj.instance_collection
    if obj.type != "EMPTY" or obj.instance_type != "COLLECTION" or instanced is None:
        yield obj, obj.matrix_world.copy()
        return
    to_instance = obj.matrix_world @ Matrix.Translation(-instanced.instance_offset)
    for child in instanced.all_objects:
        yield child, to_instance @ child.matrix_world


def _obstacle(obj: bpy.types.Object, matrix: Matrix) -> Obstacle | None:
    if _has_points_alone(obj):
        points = _transformed(_strided(_positions(obj.data)), matrix)
        points = points[np.isfinite(points).all(axis=1)]
        return _bounded(points, points) if len(points) else None
    if obj.type not in _WITH_FACES | {"VOLUME"}:
        return None
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    corners = _transformed(np.array(evaluated.bound_box, np.float32), matrix)
    if obj.type == "VOLUME":
        return _bounded(corners, _filled(corners))
    return Obstacle(corners.min(axis=0), corners.max(axis=0), partial(_face_points, obj, matrix))


def _has_points_alone(obj: bpy.types.Object) -> bool:
    """Point clouds, and splats before they were: their modifiers make instances, not faces."""
    if obj.type == "POINTCLOUD":
        return True
    return obj.type == "MESH" and not obj.data.polygons and bool(obj.data.vertices)


def _bounded(corners: Points, points: Points) -> Obstacle:
    return Obstacle(corners.min(axis=0), corners.max(axis=0), lambda: points)


def _positions(data: bpy.types.Mesh | bpy.types.PointCloud) -> Points:
    attribute = data.attributes.get("position")
    if attribute is None:
        return np.empty((0, 3), np.float32)
    values = np.empty(3 * len(attribute.data), np.float32)
    attribute.data.foreach_get("vector", values)
    return values.reshape(-1, 3)


def _face_points(obj: bpy.types.Object, matrix: Matrix) -> Points:
    """Points on the faces of an object with its modifiers."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        positions = _positions(mesh)
        if len(mesh.polygons) < SAMPLES:
            mesh.calc_loop_triangles()
            corners = np.empty(3 * len(mesh.loop_triangles), np.int32)
            mesh.loop_triangles.foreach_get("vertices", corners)
            return _sample_triangles(_transformed(positions, matrix)[corners.reshape(-1, 3)])
        return _transformed(_strided(positions), matrix)
    finally:
        evaluated.to_mesh_clear()


def _sample_triangles(triangles: NDArray[np.float32]) -> Points:
    """Points spread evenly over `triangles` [N, 3, 3], one on each at least."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = float(areas.sum())
    counts = np.ceil(areas * (SAMPLES / total)).astype(np.int64) if total > 0 else areas > -1
    chosen = np.repeat(np.arange(len(triangles)), np.maximum(counts, 1))
    u, v = np.modf(np.outer(_GOLDEN, np.arange(1, len(chosen) + 1)))[0].astype(np.float32)
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return a[chosen] + u[:, None] * (b - a)[chosen] + v[:, None] * (c - a)[chosen]


def _filled(corners: Points) -> Points:
    """A grid of points in the bounds of `corners`."""
    x, y, z = np.linspace(corners.min(axis=0), corners.max(axis=0), 12).T
    return np.stack(np.meshgrid(x, y, z), axis=-1).reshape(-1, 3).astype(np.float32)


def _strided(points: Points) -> Points:
    return points[:: 1 + len(points) // SAMPLES]


def _transformed(points: Points, matrix: Matrix) -> Points:
    values = np.array(matrix, np.float32)
    return points @ values[:3, :3].T + values[:3, 3]
