"""Objects of points with attributes: a point cloud where Blender can make one, else a mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from .operator_context import only_selected

PointData = bpy.types.Mesh | bpy.types.PointCloud

# 4.2 to 4.4 have point clouds, but scripts cannot create them with points.
CAN_CONVERT = bpy.app.version >= (4, 5, 0)
CAN_RESIZE = "resize" in bpy.types.PointCloud.bl_rna.functions

# The property of an attribute's items that `foreach_set` fills, by the attribute's type.
_MEMBERS = {
    "FLOAT": "value",
    "FLOAT_VECTOR": "vector",
    "FLOAT4": "vector",
    "FLOAT_COLOR": "color",
    "BYTE_COLOR": "color_srgb",
    "QUATERNION": "value",
}
_WIDTHS = {"FLOAT": 1, "FLOAT_VECTOR": 3}


@dataclass(frozen=True)
class PointAttribute:
    """A named attribute: its type in Blender, and its values, float32 [N] or [N, W]."""

    name: str
    type: str
    values: NDArray[np.float32]


def add_point_object(
    name: str, count: int, attributes: Iterable[PointAttribute], collection: bpy.types.Collection
) -> bpy.types.Object:
    """Add an object of `count` points with `attributes`, "position" among them.

    Only one attribute is held in memory at a time, beside Blender's own.
    """
    data = _new_datablock(name, count)
    for attribute in attributes:
        write_attribute(data, attribute)
        del attribute  # before the next one is made
    data.update_tag()
    obj = bpy.data.objects.new(name, data)
    if isinstance(data, bpy.types.Mesh) and CAN_CONVERT:
        with only_selected(obj):
            to_point_cloud(obj)
    collection.objects.link(obj)
    return obj


def read_attributes(data: PointData) -> Mapping[str, NDArray[np.float32]]:
    """The point attributes of the types that `add_point_object` writes, by name, [N] or [N, W].

    Hidden ones, whose names begin with a dot, are left out.
    """
    shown = [a for a in data.attributes if not a.name.startswith(".")]
    known = [a for a in shown if is_point_attribute(a)]
    return {attribute.name: read_attribute(attribute) for attribute in known}


def is_point_attribute(attribute: bpy.types.Attribute | None) -> bool:
    """Whether `attribute` is one of points, of a type that `add_point_object` writes."""
    if attribute is None:
        return False
    return attribute.domain == "POINT" and attribute.data_type in _MEMBERS


def read_attribute(attribute: bpy.types.Attribute) -> NDArray[np.float32]:
    """The values of an attribute of such a type, [N] or [N, W]."""
    width = _WIDTHS.get(attribute.data_type, 4)
    values = np.empty(len(attribute.data) * width, np.float32)
    attribute.data.foreach_get(_MEMBERS[attribute.data_type], values)
    return values if width == 1 else values.reshape(-1, width)


def write_attribute(data: PointData, attribute: PointAttribute) -> None:
    """Write an attribute of `data`; one of the same name and another type is replaced."""
    target = data.attributes.get(attribute.name)
    if target is not None and target.data_type != attribute.type:
        data.attributes.remove(target)
        target = None
    if target is None:
        target = data.attributes.new(attribute.name, attribute.type, "POINT")
    values = np.ascontiguousarray(attribute.values, np.float32).reshape(-1)
    target.data.foreach_set(_MEMBERS[attribute.type], values)


def to_point_cloud(obj: bpy.types.Object) -> None:
    """Convert a mesh object, which alone is selected, to a point cloud (4.5 and later)."""
    mesh = obj.data
    bpy.ops.object.convert(target="POINTCLOUD")
    obj.data.name = obj.name
    if not mesh.users:
        bpy.data.meshes.remove(mesh)
    if (selection := obj.data.attributes.get(".select_vert")) is not None:
        obj.data.attributes.remove(selection)


def _new_datablock(name: str, count: int) -> PointData:
    if CAN_RESIZE:
        cloud = bpy.data.pointclouds.new(name)
        cloud.resize(count)
        return cloud
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(count)
    return mesh
