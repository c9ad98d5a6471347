"""Control maps: depth and normals of objects in the scene, rendered from an engine's camera.

The objects are moved to the origin and scaled to the camera's frame; their front (-Y) faces it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from ..contract.cards import ConditionKind, MapCamera
from ..contract.problems import InvalidRequest
from ..contract.transform import Y_UP_TO_Z_UP, rotate_vectors, transform_points
from .images import encode_png
from .surface_colors import read_values

SIZE = 256  # pixels a side
_FRAME_FRACTION = 0.9  # of the frame's side, filled by the bounding sphere of the objects

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class ControlMap:
    """A depth or normal map of objects in the scene, for engines that take one as a condition.

    objects: rendered from the engine's front camera, their front (-Y) towards it.
    kind: ConditionKind.DEPTH or ConditionKind.NORMAL.
    camera: the engine's, from its card; the default is DiffSplat's. elevation: degrees.
    """

    objects: tuple[bpy.types.Object, ...]
    kind: ConditionKind = ConditionKind.DEPTH
    camera: MapCamera = MapCamera(1.4, 39.6)
    elevation: float = 10.0

    def png(self) -> bytes:
        """The map as a PNG file.

        Raises:
            InvalidRequest: the objects have no visible faces.
        """
        return encode_png(render_map(self.objects, self.kind, self.camera, self.elevation))


def render_map(
    objects: Sequence[bpy.types.Object], kind: ConditionKind, camera: MapCamera, elevation: float
) -> Pixels:
    """RGBA [SIZE, SIZE, 4] in 0..1, top row first, white background.

    Depth is encoded as 1 - z / max(z), normals as n / 2 + 1/2 along the asset frame's axes.

    Args:
        elevation: of the camera, degrees; positive looks down.

    Raises:
        InvalidRequest: the objects have no faces, or none is visible.
    """
    tree, center, radius = _merge_faces(objects)
    eye, right, down, forward = _camera_axes(elevation)
    slope = math.tan(math.radians(camera.fov) / 2)
    scale = radius / (camera.distance * math.sin(math.radians(camera.fov) / 2) * _FRAME_FRACTION)
    origin = Vector(center + eye * camera.distance * scale)
    steps = (2 * np.arange(SIZE) + 1) / SIZE - 1
    depths = np.zeros((SIZE, SIZE), np.float32)
    normals = np.ones((SIZE, SIZE, 3), np.float32)
    for row, y in enumerate(steps):
        for column, x in enumerate(steps):
            ray = forward + slope * (x * right + y * down)
            hit, normal, _, _ = tree.ray_cast(origin, Vector(ray))
            if hit is not None:
                depths[row, column] = (hit - origin).dot(Vector(forward)) / scale
                normals[row, column] = normal if normal.dot(Vector(ray)) < 0 else -normal
    if not depths.any():
        raise InvalidRequest("Nothing of the objects can be seen.", "Choose others.")
    return _encode(depths, normals, kind)


def _encode(depths: Pixels, normals: Pixels, kind: ConditionKind) -> Pixels:
    pixels = np.ones((SIZE, SIZE, 4), np.float32)
    if kind is ConditionKind.DEPTH:
        pixels[..., :3] = 1 - (depths / depths.max())[..., None]
    else:
        hit = depths > 0
        pixels[hit, :3] = 0.5 + 0.5 * rotate_vectors(normals[hit], Y_UP_TO_Z_UP.T)
    return pixels


def _camera_axes(elevation: float) -> tuple[NDArray[np.float64], ...]:
    """Unit vectors in Blender's frame: towards the camera, and its right, down and forward."""
    angle = math.radians(elevation)
    eye = np.array([0, -math.cos(angle), math.sin(angle)])
    right = np.array([1.0, 0, 0])
    return eye, right, np.cross(-eye, right), -eye


def _merge_faces(
    objects: Sequence[bpy.types.Object],
) -> tuple[BVHTree, NDArray[np.float64], float]:
    """All evaluated faces as one BVH, and their bounding sphere: centre [3] and radius."""
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
    """World vertices [V, 3] and triangles [F, 3] of each object that has any."""
    graph = bpy.context.evaluated_depsgraph_get()
    for obj in objects:
        evaluated = obj.evaluated_get(graph)
        try:
            mesh = evaluated.to_mesh()
        except RuntimeError:  # a light or another kind without geometry
            continue
        if mesh is None:
            continue
        mesh.calc_loop_triangles()
        vertices = read_values(mesh.vertices, "co", 3)
        faces = read_values(mesh.loop_triangles, "vertices", 3, np.int32)
        evaluated.to_mesh_clear()
        matrix = np.array(evaluated.matrix_world)
        if len(faces):
            yield transform_points(vertices, matrix), faces
