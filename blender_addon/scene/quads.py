"""Remeshes triangles to quads with Blender's own remeshers, and transfers the colours.

QuadriFlow's quads follow the shape, but it makes only about 700 a second and blocks Blender: so it
makes a coarse mesh, which is subdivided and shrink-wrapped onto the surface. Where it fails, or
misses parts thinner than its quads, the voxel remesher takes its place.
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
from .operator_context import isolated_scene, only_selected
from .provenance import copy_provenance
from .surface_colors import read_values, sample_colors
from .transform_snapshot import snapshot_transform
from .visibility import hide, transfer_selection

MAX_QUADRIFLOW_FACES = 4_000
# QuadriFlow refuses edges below 0.0001: the surface is scaled to this size first.
_WORKING_SIZE = 100.0
_MERGE_DISTANCE = 1e-5  # of the size
_MAX_GAP = 0.01  # between surface and quads, of the size
_MAX_UNCOVERED = 0.01  # of the surface's vertices
_MAX_SAMPLES = 2_000
_VOXEL_FACES_PER_QUAD = 4  # where the surface must be closed for QuadriFlow


class NoMesh(SplatsmithError):
    """Raised when an object has no faces, or is being edited."""

    code = "no-mesh"
    title = "This is no mesh"
    status = 422


def has_faces(obj: bpy.types.Object) -> bool:
    """Whether `obj` has faces."""
    return obj.type == "MESH" and len(obj.data.polygons) > 0


def add_quads(obj: bpy.types.Object, face_count: int = 0) -> bpy.types.Object:
    """Add about `face_count` quads with the surface, colours and transform of `obj`; hide `obj`.

    A `face_count` of 0 is half the number of triangles.

    Raises:
        NoMesh: `obj` is no mesh, has no faces, or is being edited.
    """
    if obj.mode == "EDIT":
        raise NoMesh(f"{obj.name!r} is being edited.", "Leave its Edit Mode first.")
    if not has_faces(obj):
        raise NoMesh(f"{obj.name!r} has no faces.", "Select a mesh.")
    triangles = sum(len(polygon.vertices) - 2 for polygon in obj.data.polygons)
    mesh = _remesh(obj.data, max(4, face_count or triangles // 2))
    quads = bpy.data.objects.new(obj.name.replace(".mesh", "") + ".quads", mesh)
    mesh.name = quads.name
    transform = snapshot_transform(obj)
    transform.find_collection().objects.link(quads)
    transform.apply_to(quads)
    copy_provenance(obj, quads)
    transfer_selection(obj, quads)
    hide([obj])
    return quads


def _remesh(original: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    """A mesh of about `count` quads on the surface of `original`, with its colours."""
    extent = np.ptp(read_values(original.vertices, "co", 3), axis=0)
    scale = _WORKING_SIZE / (float(extent.max()) or 1.0)
    surface = _welded_triangles(original, scale)
    mesh = _quadriflow_quads(surface, count) or _voxel_quads(surface, count)
    bpy.data.meshes.remove(surface)
    mesh.transform(Matrix.Scale(1 / scale, 4))
    mesh.shade_smooth()
    _color(mesh, original)
    return mesh


def _welded_triangles(original: bpy.types.Mesh, scale: float) -> bpy.types.Mesh:
    """The triangulated surface, scaled, with close vertices merged and no materials."""
    shape = bmesh.new()
    shape.from_mesh(original)
    shape.transform(Matrix.Scale(scale, 4))
    distance = _MERGE_DISTANCE * _WORKING_SIZE
    bmesh.ops.remove_doubles(shape, verts=shape.verts[:], dist=distance)
    bmesh.ops.dissolve_degenerate(shape, edges=shape.edges[:], dist=distance)
    bmesh.ops.triangulate(shape, faces=shape.faces[:])
    mesh = bpy.data.meshes.new("surface")
    shape.to_mesh(mesh)
    shape.free()
    mesh.materials.clear()
    return mesh


def _quadriflow_quads(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh | None:
    """QuadriFlow's quads, subdivided; None where they do not cover the surface."""
    levels = max(0, math.ceil(math.log(count / MAX_QUADRIFLOW_FACES, 4)))
    coarse_count = max(4, count // 4**levels)
    coarse = _quadriflow(surface, coarse_count)
    if coarse is None:
        closed = _voxel_remesh(surface, coarse_count * _VOXEL_FACES_PER_QUAD)
        coarse = _quadriflow(closed, coarse_count)
        bpy.data.meshes.remove(closed)
    if coarse is None:
        return None
    quads = _project_onto(surface, coarse, levels)
    if _covers(quads, surface):
        return quads
    bpy.data.meshes.remove(quads)
    return None


def _voxel_quads(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    return _project_onto(surface, _voxel_remesh(surface, count), 0)


def _quadriflow(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh | None:
    """None where QuadriFlow fails."""
    obj = bpy.data.objects.new("quads", surface.copy())
    with only_selected(obj), suppress(RuntimeError):  # how operators report failure
        bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=count)
    mesh = _take_mesh(obj)
    if len(mesh.polygons) != len(surface.polygons):
        return mesh
    bpy.data.meshes.remove(mesh)  # unchanged: 4.2 reports a refusal as FINISHED
    return None


def _voxel_remesh(surface: bpy.types.Mesh, count: int) -> bpy.types.Mesh:
    """A closed surface of about `count` axis-aligned faces."""
    # A face of normal n and area A is crossed by about (|nx| + |ny| + |nz|) A / voxel^2 grid edges.
    crossed = sum(face.area * sum(map(abs, face.normal)) for face in surface.polygons)
    obj = bpy.data.objects.new("voxels", surface.copy())
    obj.data.remesh_voxel_size = math.sqrt(crossed / count)
    obj.data.remesh_voxel_adaptivity = 0
    with only_selected(obj):
        bpy.ops.object.voxel_remesh()
    return _take_mesh(obj)


def _project_onto(surface: bpy.types.Mesh, coarse: bpy.types.Mesh, levels: int) -> bpy.types.Mesh:
    """`coarse`, which is removed, subdivided and shrink-wrapped onto `surface`."""
    obj, target = (bpy.data.objects.new(m.name, m) for m in (coarse, surface))
    obj.modifiers.new("finer", "SUBSURF").levels = levels
    obj.modifiers.new("wrapped", "SHRINKWRAP").target = target
    with isolated_scene(obj):
        graph = bpy.context.evaluated_depsgraph_get()
        mesh = bpy.data.meshes.new_from_object(obj.evaluated_get(graph), depsgraph=graph)
    bpy.data.objects.remove(target)
    bpy.data.meshes.remove(_take_mesh(obj))
    return mesh


def _covers(quads: bpy.types.Mesh, surface: bpy.types.Mesh) -> bool:
    """Whether nearly all of `surface` has quads close to it."""
    tree = BVHTree.FromPolygons(
        [vertex.co for vertex in quads.vertices], [face.vertices for face in quads.polygons]
    )
    vertices = read_values(surface.vertices, "co", 3)
    samples = vertices[:: max(1, len(vertices) // _MAX_SAMPLES)].tolist()
    uncovered = sum(tree.find_nearest(p, _MAX_GAP * _WORKING_SIZE)[0] is None for p in samples)
    return uncovered <= _MAX_UNCOVERED * len(samples)


def _color(mesh: bpy.types.Mesh, original: bpy.types.Mesh) -> None:
    colors = sample_colors(original, read_values(mesh.vertices, "co", 3))
    if colors is None:
        for material in original.materials:
            mesh.materials.append(material)
        return
    attribute = mesh.color_attributes.new(SURFACE_COLOR, "FLOAT_COLOR", "POINT")
    attribute.data.foreach_set("color", colors.reshape(-1))
    mesh.color_attributes.active_color = attribute
    mesh.materials.append(appearance.surface_material())


def _take_mesh(obj: bpy.types.Object) -> bpy.types.Mesh:
    """Remove a temporary object and return its mesh."""
    mesh = obj.data
    bpy.data.objects.remove(obj)
    return mesh
