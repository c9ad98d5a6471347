"""A mesh of triangles once more as quads, by Blender's own remeshers, in its own colours.

QuadriFlow takes a second for some 700 quads, and Blender stands still meanwhile. So it makes
coarse ones, which are then subdivided and laid onto the surface.
"""

from __future__ import annotations

import math

import bmesh
import bpy
import numpy as np
from mathutils import Matrix

from ..contract.problems import SplatsmithError
from . import appearance
from .colors import colors_at
from .looks import SURFACE_COLOR
from .marks import copy_mark
from .operating import apart
from .sight import hide
from .stance import stance_of

MOST_COARSE_QUADS = 4_000
# QuadriFlow refuses edges below 0.0001; at this size of the whole none are so short.
_WORKING_SIZE = 100.0
_WELD = 1e-5  # of the size: vertices that near are one


class NoMesh(SplatsmithError):
    """Raised when an object that quads are wanted of has no faces to give."""

    code = "no-mesh"
    title = "This is no mesh"
    status = 422


def is_mesh(obj: bpy.types.Object) -> bool:
    """Whether `obj` has faces."""
    return obj.type == "MESH" and len(obj.data.polygons) > 0


def add_quads(obj: bpy.types.Object, face_count: int = 0) -> bpy.types.Object:
    """Add a mesh of some `face_count` quads that looks like `obj`, in its place; hide `obj`.

    0 is one quad for two triangles.

    Raises:
        NoMesh: `obj` is no mesh, has no faces, or is being edited.
    """
    if obj.mode == "EDIT":
        raise NoMesh(f"{obj.name!r} is being edited.", "Leave its Edit Mode first.")
    if not is_mesh(obj):
        raise NoMesh(f"{obj.name!r} has no faces.", "Select a mesh.")
    triangles = sum(len(polygon.vertices) - 2 for polygon in obj.data.polygons)
    mesh = _remesh(obj.data, max(4, face_count or triangles // 2))
    quads = bpy.data.objects.new(obj.name.replace(".mesh", "") + ".quads", mesh)
    mesh.name = quads.name
    stance = stance_of(obj)
    stance.find_collection().objects.link(quads)
    stance.give(quads)
    copy_mark(obj, quads)
    hide([obj])
    return quads


def _remesh(original: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    """A mesh of some `count` quads on the surface of `original`, with its colours."""
    positions = np.empty((len(original.vertices), 3), np.float32)
    original.vertices.foreach_get("co", positions.reshape(-1))
    scale = _WORKING_SIZE / (float(np.ptp(positions, axis=0).max()) or 1.0)
    surface = _bare_triangles(original, scale)
    levels = max(0, math.ceil(math.log(count / MOST_COARSE_QUADS, 4)))
    coarse = _coarse_quads(surface, max(4, count // 4**levels))
    mesh = _refined(coarse, surface, levels)
    for used in (surface, coarse):
        bpy.data.meshes.remove(used)
    mesh.transform(Matrix.Scale(1 / scale, 4))
    mesh.shade_smooth()
    _color(mesh, original)
    return mesh


def _bare_triangles(original: bpy.types.Mesh, scale: float) -> bpy.types.Mesh:
    """The surface alone, enlarged, its seams closed."""
    shape = bmesh.new()
    shape.from_mesh(original)
    shape.transform(Matrix.Scale(scale, 4))
    distance = _WELD * _WORKING_SIZE
    bmesh.ops.remove_doubles(shape, verts=shape.verts[:], dist=distance)
    bmesh.ops.dissolve_degenerate(shape, edges=shape.edges[:], dist=distance)
    bmesh.ops.triangulate(shape, faces=shape.faces[:])
    mesh = bpy.data.meshes.new("surface")
    shape.to_mesh(mesh)
    shape.free()
    mesh.materials.clear()
    return mesh


def _coarse_quads(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    """QuadriFlow's quads; where it refuses the surface, of a closed one, or that one's own."""
    quads = _quadriflow(surface, count)
    if quads is None:
        size = math.sqrt(sum(polygon.area for polygon in surface.polygons) / count)
        closed = _voxels(surface, size / 2)
        quads = _quadriflow(closed, count) or _voxels(surface, size)
        bpy.data.meshes.remove(closed)
    return quads


def _quadriflow(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh | None:
    """None where QuadriFlow cannot follow the surface."""
    obj = bpy.data.objects.new("quads", surface.copy())
    with apart(obj):
        try:
            done = bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=count)
        except RuntimeError:  # how an operator reports its failure
            done = set()
    mesh = _data_of(obj)
    if "FINISHED" in done:
        return mesh
    bpy.data.meshes.remove(mesh)
    return None


def _voxels(surface: bpy.types.Mesh, size: float) -> bpy.types.Mesh:
    """A closed skin of squares with that edge."""
    obj = bpy.data.objects.new("voxels", surface.copy())
    obj.data.remesh_voxel_size = size
    obj.data.remesh_voxel_adaptivity = 0
    with apart(obj):
        bpy.ops.object.voxel_remesh()
    return _data_of(obj)


def _refined(coarse: bpy.types.Mesh, surface: bpy.types.Mesh, levels: int) -> bpy.types.Mesh:
    """`coarse` subdivided and laid onto `surface`."""
    obj, target = (bpy.data.objects.new(m.name, m) for m in (coarse, surface))
    finer = obj.modifiers.new("finer", "SUBSURF")
    finer.levels = levels
    wrapped = obj.modifiers.new("wrapped", "SHRINKWRAP")
    wrapped.target = target
    with apart(obj):
        graph = bpy.context.evaluated_depsgraph_get()
        mesh = bpy.data.meshes.new_from_object(obj.evaluated_get(graph), depsgraph=graph)
    for each in (obj, target):
        bpy.data.objects.remove(each)
    return mesh


def _color(mesh: bpy.types.Mesh, original: bpy.types.Mesh) -> None:
    positions = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", positions.reshape(-1))
    colors = colors_at(original, positions)
    if colors is None:
        for material in original.materials:
            mesh.materials.append(material)
        return
    attribute = mesh.color_attributes.new(SURFACE_COLOR, "FLOAT_COLOR", "POINT")
    attribute.data.foreach_set("color", colors.reshape(-1))
    mesh.color_attributes.active_color = attribute
    mesh.materials.append(appearance.surface_material())


def _data_of(obj: bpy.types.Object) -> bpy.types.Mesh:
    """The mesh of an object that has done its duty."""
    mesh = obj.data
    bpy.data.objects.remove(obj)
    return mesh
