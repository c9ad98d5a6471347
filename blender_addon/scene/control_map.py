"""Depth and normal maps of objects, as an engine's camera sees them: a rough shape leads the asset.

The objects are brought to the origin and into the camera's picture, their front (-Y) towards it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from ..contract.cards import ConditionKind, MapCamera
from ..contract.problems import InvalidRequest
from ..contract.transform import Y_UP_TO_Z_UP
from .surface_colors import read_all

SIZE = 256  # pixels a side
_FILLING = 0.9  # of the picture, by the sphere around the objects

Pixels = NDArray[np.float32]


def draw_map(
    objects: Sequence[bpy.types.Object], kind: ConditionKind, camera: MapCamera, elevation: float
) -> Pixels:
    """RGBA [SIZE, SIZE, 4] in 0..1, the upper row first, white around the objects.

    Depth is 1 minus the z-depth over the largest one; normals are n / 2 + 1/2 along the asset
    frame's axes.

    Args:
        elevation: degrees, from which the camera looks down.

    Raises:
        InvalidRequest: the objects have no faces, or none can be seen.
    """
    tree, center, radius = _bring_together(objects)
    eye, right, down, forward = _axes(elevation)
    slope = math.tan(math.radians(camera.fov) / 2)
    scale = radius / (camera.distance * math.sin(math.radians(camera.fov) / 2) * _FILLING)
    origin = Vector(center + eye * camera.distance * scale)
    steps = (2 * np.arange(SIZE) + 1) / SIZE - 1
    depths = np.zeros((SIZE, SIZE), np.float32)
    normals = np.ones((SIZE, SIZE, 3), np.float32)
    for row, y in enumerate(steps):
        for column, x in enumerate(steps):
            ray = forward + slope * (x * right + y * down)
            place, normal, _, _ = tree.ray_cast(origin, Vector(ray))
            if place is not None:
                depths[row, column] = (place - origin).dot(Vector(forward)) / scale
                normals[row, column] = normal if normal.dot(Vector(ray)) < 0 else -normal
    if not depths.any():
        raise InvalidRequest("Nothing of the objects can be seen.", "Choose others.")
    return _colored(depths, normals, kind)


def _colored(depths: Pixels, normals: Pixels, kind: ConditionKind) -> Pixels:
    pixels = np.ones((SIZE, SIZE, 4), np.float32)
    if kind is ConditionKind.DEPTH:
        pixels[..., :3] = 1 - (depths / depths.max())[..., None]
    else:
        seen = depths > 0
        pixels[seen, :3] = 0.5 + 0.5 * normals[seen] @ Y_UP_TO_Z_UP
    return pixels


def _axes(elevation: float) -> tuple[NDArray[np.float64], ...]:
    """Where the camera stands, and its axes: right, down, forward; Blender's frame."""
    angle = math.radians(elevation)
    eye = np.array([0, -math.cos(angle), math.sin(angle)])
    right = np.array([1.0, 0, 0])
    return eye, right, np.cross(-eye, right), -eye


def _bring_together(
    objects: Sequence[bpy.types.Object],
) -> tuple[BVHTree, NDArray[np.float64], float]:
    """All faces, as they are shown, and the sphere around them: centre and radius."""
    parts = list(_faces_of(objects))
    if not parts:
        raise InvalidRequest(
            "There are no faces to take a map of.", "Select a mesh that shows the rough shape."
        )
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    vertices = np.concatenate([vertices for vertices, _ in parts])
    faces = np.concatenate(
        [part + start for (_, part), start in zip(parts, starts[:-1], strict=True)]
    )
    used = vertices[faces.reshape(-1)]
    center = (used.min(axis=0) + used.max(axis=0)) / 2
    radius = float(np.linalg.norm(used - center, axis=1).max())
    tree = BVHTree.FromPolygons(vertices.tolist(), faces.tolist(), all_triangles=True)
    return tree, center, radius


def _faces_of(
    objects: Sequence[bpy.types.Object],
) -> Iterator[tuple[NDArray[np.floating], NDArray[np.int32]]]:
    """Vertices [V, 3] in the world and triangles [F, 3] of each object that has any."""
    graph = bpy.context.evaluated_depsgraph_get()
    for obj in objects:
        shown = obj.evaluated_get(graph)
        try:
            mesh = shown.to_mesh()
        except RuntimeError:  # a lamp or the like
            continue
        if mesh is None:
            continue
        mesh.calc_loop_triangles()
        vertices = read_all(mesh.vertices, "co", 3)
        faces = read_all(mesh.loop_triangles, "vertices", 3, np.int32)
        shown.to_mesh_clear()
        matrix = np.array(shown.matrix_world)
        if len(faces):
            yield vertices @ matrix[:3, :3].T + matrix[:3, 3], faces
