"""A mesh of triangles once more as quads, by Blender's own remeshers, in its own colours.

QuadriFlow's quads follow the shape, but take a second for some 700 of them, while Blender stands
still: so it makes coarse ones, which are then subdivided and laid onto the surface. Where it gives
up, or leaves out parts that are thinner than those, voxels make squares in no time.
"""

from __future__ import annotations

import math
from contextlib import suppress

import bmesh
import bpy
import numpy as np
from mathutils import Matrix
from mathutils.bvhtree import BVHTree

from ..contract.problems import SplatsmithError
from . import appearance
from .materials import SURFACE_COLOR
from .operator_context import apart, selected
from .provenance import copy_mark
from .surface_colors import colors_at, read_all
from .transform_snapshot import stance_of
from .visibility import hand_selection_on, hide

MOST_COARSE_QUADS = 4_000
# QuadriFlow refuses edges below 0.0001; at this size of the whole none are so short.
_WORKING_SIZE = 100.0
_WELD = 1e-5  # of the size: vertices that near are one
_NEAR = 0.01  # of the size
_CRUMBS = 0.01  # of the surface
_PROBES = 2_000
_VOXELS_PER_QUAD = 4  # where the surface must be closed first


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
    hand_selection_on(obj, quads)
    hide([obj])
    return quads


def _remesh(original: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    """A mesh of some `count` quads on the surface of `original`, with its colours."""
    extent = np.ptp(read_all(original.vertices, "co", 3), axis=0)
    scale = _WORKING_SIZE / (float(extent.max()) or 1.0)
    surface = _bare_triangles(original, scale)
    mesh = _flowing_quads(surface, count) or _squares(surface, count)
    bpy.data.meshes.remove(surface)
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


def _flowing_quads(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh | None:
    """QuadriFlow's quads, refined; None where they would not be the whole of the surface."""
    levels = max(0, math.ceil(math.log(count / MOST_COARSE_QUADS, 4)))
    coarse_count = max(4, count // 4**levels)
    coarse = _quadriflow(surface, coarse_count)
    if coarse is None:
        closed = _voxels(surface, coarse_count * _VOXELS_PER_QUAD)
        coarse = _quadriflow(closed, coarse_count)
        bpy.data.meshes.remove(closed)
    if coarse is None:
        return None
    quads = _laid_onto(surface, coarse, levels)
    if _covers(quads, surface):
        return quads
    bpy.data.meshes.remove(quads)
    return None


def _squares(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    return _laid_onto(surface, _voxels(surface, count), 0)


def _quadriflow(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh | None:
    """None where QuadriFlow cannot follow the surface."""
    obj = bpy.data.objects.new("quads", surface.copy())
    with selected(obj), suppress(RuntimeError):  # how an operator reports its failure
        bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=count)
    mesh = _data_of(obj)
    if len(mesh.polygons) != len(surface.polygons):
        return mesh
    bpy.data.meshes.remove(mesh)  # refused, which 4.2 calls finished as well
    return None


def _voxels(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    """A closed skin of some `count` squares, which lie along the axes."""
    # A slanting face is crossed by more edges of the grid: by |nx| + |ny| + |nz| of its area.
    crossed = sum(face.area * sum(map(abs, face.normal)) for face in surface.polygons)
    obj = bpy.data.objects.new("voxels", surface.copy())
    obj.data.remesh_voxel_size = math.sqrt(crossed / count)
    obj.data.remesh_voxel_adaptivity = 0
    with selected(obj):
        bpy.ops.object.voxel_remesh()
    return _data_of(obj)


def _laid_onto(surface: bpy.types.Mesh, coarse: bpy.types.Mesh, levels: int) -> bpy.types.Mesh:
    """`coarse`, which is used up, subdivided and pulled onto `surface`."""
    obj, target = (bpy.data.objects.new(m.name, m) for m in (coarse, surface))
    obj.modifiers.new("finer", "SUBSURF").levels = levels
    obj.modifiers.new("wrapped", "SHRINKWRAP").target = target
    with apart(obj):
        graph = bpy.context.evaluated_depsgraph_get()
        mesh = bpy.data.meshes.new_from_object(obj.evaluated_get(graph), depsgraph=graph)
    bpy.data.objects.remove(target)
    bpy.data.meshes.remove(_data_of(obj))
    return mesh


def _covers(quads: bpy.types.Mesh, surface: bpy.types.Mesh) -> bool:
    """Whether all of `surface`, but for crumbs, has quads near it."""
    tree = BVHTree.FromPolygons(
        [vertex.co for vertex in quads.vertices], [face.vertices for face in quads.polygons]
    )
    places = read_all(surface.vertices, "co", 3)
    probes = places[:: max(1, len(places) // _PROBES)].tolist()
    bare = sum(tree.find_nearest(probe, _NEAR * _WORKING_SIZE)[0] is None for probe in probes)
    return bare <= _CRUMBS * len(probes)


def _color(mesh: bpy.types.Mesh, original: bpy.types.Mesh) -> None:
    colors = colors_at(original, read_all(mesh.vertices, "co", 3))
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
