"""Objects that show a volume to crop by: empties shown as cubes or spheres, and convex meshes."""

from __future__ import annotations

from enum import StrEnum

import bpy
import numpy as np
from mathutils import Matrix

from ..contract.bounds import Box, bounding_box
from ..contract.cloud import GaussianCloud
from ..contract.problems import InvalidRequest
from .convex_volumes import ConvexVolume, Ellipsoid, Points, Polyhedron, convex_volume
from .splat_selection import read_values
from .splats import BASE
from .transform_snapshot import snapshot_transform

_FLAT = 1e-9  # of a matrix's determinant, relative to the lengths of its axes
_LEAST_EDGE = 1e-6  # of a new crop object
_REMEDY = "Use an empty shown as cube or sphere, or a closed convex mesh."


class CropShape(StrEnum):
    """What a new crop object shows."""

    BOX = "box"
    SPHERE = "sphere"


class NoCropVolume(InvalidRequest):
    """Raised when an object shows no volume to crop by."""

    code = "no-crop-volume"
    title = "There is nothing to crop by"


def crop_volume(obj: bpy.types.Object) -> ConvexVolume:
    """The volume in world space that `obj` shows, modifiers included.

    Raises:
        NoCropVolume: it is no box, sphere or other closed convex mesh, or is flat.
    """
    bpy.context.view_layer.update()
    local = _empty_volume(obj) if obj.type == "EMPTY" else _mesh_volume(obj)
    matrix = np.array(obj.matrix_world, np.float64)
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all():
        raise NoCropVolume(f"The transform of {obj.name!r} is not finite.", "Reset it.")
    if abs(np.linalg.det(matrix[:3, :3])) <= _FLAT * lengths.prod():
        raise NoCropVolume(f"{obj.name!r} is flat.", "Scale it above 0 along all its axes.")
    return local.before(np.linalg.inv(matrix).astype(np.float64))


def may_show_volume(obj: bpy.types.Object) -> bool:
    """Whether `obj` is of a kind that can be cropped by."""
    if obj.type == "EMPTY":
        return obj.empty_display_type in ("CUBE", "SPHERE")
    return obj.type == "MESH" and bool(obj.data.polygons)


def add_crop_object(splats: bpy.types.Object, shape: CropShape) -> bpy.types.Object:
    """Add an empty that shows a box or a sphere around `splats`, floaters left out.

    Raises:
        NoSplats: the object has none.
    """
    bounds = _splat_bounds(splats)
    half = (bounds.upper - bounds.lower) / 2
    if shape is CropShape.SPHERE:
        half[:] = np.sqrt((half * half).sum())
    half = np.maximum(half, _LEAST_EDGE)
    snapshot = snapshot_transform(splats)
    crop = bpy.data.objects.new(f"{snapshot.name}.crop", None)
    crop.empty_display_type = "CUBE" if shape is CropShape.BOX else "SPHERE"
    snapshot.find_collection().objects.link(crop)
    middle = Matrix.Translation((bounds.upper + bounds.lower) / 2)
    crop.matrix_world = snapshot.world @ middle @ Matrix.Diagonal((*half, 1.0))
    return crop


def _splat_bounds(splats: bpy.types.Object) -> Box:
    """In the object's own axes."""
    base = read_values(splats, BASE)
    return bounding_box(
        GaussianCloud(
            means=read_values(splats, "position"),
            quats=read_values(splats, "rotation"),
            scales=read_values(splats, "scale"),
            opacities=np.ascontiguousarray(base[:, 3]),
            sh0=np.ascontiguousarray(base[:, :3]),
            shN=np.empty((len(base), 0, 3), np.float32),
        )
    )


def _empty_volume(obj: bpy.types.Object) -> ConvexVolume:
    size = obj.empty_display_size
    if obj.empty_display_type == "SPHERE" and size > 0:
        return Ellipsoid(np.diag([1 / size, 1 / size, 1 / size, 1]))
    if obj.empty_display_type == "CUBE" and size > 0:
        sides = np.concatenate([np.eye(3), -np.eye(3)])
        return Polyhedron(np.column_stack([sides, np.full(6, -size)]))
    raise NoCropVolume(f"The empty {obj.name!r} shows no cube or sphere.", _REMEDY)


def _mesh_volume(obj: bpy.types.Object) -> ConvexVolume:
    volume = None
    if obj.type == "MESH":
        evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        # In a closed mesh each edge has two faces.
        if mesh.polygons and len(mesh.loops) == 2 * len(mesh.edges):
            volume = convex_volume(
                _read(mesh.vertices, "co"),
                _read(mesh.polygons, "center"),
                _read(mesh.polygons, "normal"),
            )
        evaluated.to_mesh_clear()
    if volume is None:
        raise NoCropVolume(f"{obj.name!r} is no box, sphere or closed convex mesh.", _REMEDY)
    return volume


def _read(items: bpy.types.bpy_prop_collection, name: str) -> Points:
    values = np.empty(3 * len(items), np.float32)
    items.foreach_get(name, values)
    return np.ascontiguousarray(values.reshape(-1, 3).T, np.float64)
