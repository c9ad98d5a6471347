"""GLB files to mesh objects, through Blender's glTF importer."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
from mathutils import Matrix

from ..contract.problems import SplatsmithError
from . import appearance
from .surface_colors import find_texture, mean_color
from .visibility import preserve_selection, scene_collection_active

ORIGIN = "origin"  # a custom property: of the glTF node's extras, with Y up
_SMOOTH_ANGLE = math.radians(60)  # between two faces; edges beyond it are marked sharp


class UnreadableMesh(SplatsmithError):
    """Raised when a file is no GLB, is damaged or holds no mesh."""

    code = "unreadable-mesh"
    title = "The mesh cannot be read"
    status = 422


def add_mesh(glb: Path, name: str, collection: bpy.types.Collection) -> bpy.types.Object:
    """Import a GLB (asset frame) as one object in Blender's axes, at the origin.

    Raises:
        UnreadableMesh: the file is no GLB, is damaged or holds no mesh.
    """
    with preserve_selection(), scene_collection_active():
        imported = _import(glb)
    meshes = [obj for obj in imported if obj.type == "MESH"]
    if not meshes:
        _remove(imported)
        raise UnreadableMesh(f"{glb.name} holds no mesh.", "Make the asset again, with its mesh.")
    obj = _join(meshes)
    _subtract_origin(obj)
    _apply_transform(obj)
    _remove([other for other in bpy.data.objects if other in imported and other != obj])
    _move_to_collection(obj, collection)
    obj.name = obj.data.name = name
    _shade_smooth(obj.data)
    _color(obj.data)
    return obj


def scale_mesh(obj: bpy.types.Object, factor: float) -> None:
    """Scale the mesh of `obj` about its origin; the object's own scale stays."""
    obj.data.transform(Matrix.Scale(factor, 4))


def _import(glb: Path) -> set[bpy.types.Object]:
    before = set(bpy.data.objects)
    try:
        # glTF splits vertices along UV seams, which would leave the surface open there.
        bpy.ops.import_scene.gltf(filepath=str(glb), merge_vertices=True)
    except RuntimeError as error:  # how operators report failure
        _remove(set(bpy.data.objects) - before)
        raise UnreadableMesh(
            f"{glb.name} is damaged or no GLB file.", "Make the asset again."
        ) from error
    return set(bpy.data.objects) - before


def _join(meshes: list[bpy.types.Object]) -> bpy.types.Object:
    first = meshes[0]
    if len(meshes) > 1:
        with bpy.context.temp_override(
            active_object=first, object=first, selected_editable_objects=meshes
        ):
            bpy.ops.object.join()
    return first


def _subtract_origin(obj: bpy.types.Object) -> None:
    """Bring a mesh near zero that Splatsmith took from a cloud far from it, as the cloud was.

    The vertices' 32 bits would lose its shape; the object keeps the glTF node's extra `origin`.
    """
    if ORIGIN in obj:
        obj.location = (0, 0, 0)


def _apply_transform(obj: bpy.types.Object) -> None:
    """Apply the transforms of the object and its parents to the mesh."""
    bpy.context.view_layer.update()
    obj.data.transform(obj.matrix_world)
    obj.parent = None
    obj.rotation_mode = "XYZ"
    obj.matrix_world.identity()


def _move_to_collection(obj: bpy.types.Object, collection: bpy.types.Collection) -> None:
    for other in obj.users_collection:
        other.objects.unlink(obj)
    collection.objects.link(obj)


def _shade_smooth(mesh: bpy.types.Mesh) -> None:
    if not mesh.has_custom_normals:
        mesh.shade_smooth()
        mesh.set_sharp_from_angle(angle=_SMOOTH_ANGLE)


def _color(mesh: bpy.types.Mesh) -> None:
    """Set up the mesh's texture, or else its vertex colours, for all shading modes."""
    image = find_texture(mesh)
    if image is not None:
        _name_texture(mesh, image)
    elif mesh.color_attributes:
        mesh.color_attributes.active_color_index = 0
        _replace_materials(mesh, appearance.surface_material())


def _name_texture(mesh: bpy.types.Mesh, image: bpy.types.Image) -> None:
    """Name texture and material after the mesh, and set what Solid shading shows of them."""
    image.name = mesh.name
    for material in mesh.materials:
        material.name = mesh.name
        material.diffuse_color = mean_color(image)
        nodes = material.node_tree.nodes
        nodes.active = next((n for n in nodes if getattr(n, "image", None) == image), None)


def _replace_materials(mesh: bpy.types.Mesh, material: bpy.types.Material) -> None:
    imported = {material for material in mesh.materials if material}
    mesh.materials.clear()
    mesh.materials.append(material)
    for unused in imported:
        if not unused.users:
            bpy.data.materials.remove(unused)


def _remove(objects: set[bpy.types.Object] | list[bpy.types.Object]) -> None:
    for obj in objects:
        data = obj.data
        bpy.data.objects.remove(obj)
        if data is not None and not data.users:
            bpy.data.batch_remove([data])
