"""Deletion of points from an object that keeps everything else that its data has."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from .data_users import NotEditable, check_local
from .nodes import NodeTreeBuilder
from .operator_context import only_selected
from .point_data import PointData

_MARK = "splatsmith_deleted"


def check_deletable(obj: bpy.types.Object) -> None:
    """Check that points of `obj` can be deleted.

    Raises:
        NotEditable: it is linked, overridden, in Edit Mode, or has shape keys.
    """
    check_local(obj)
    if obj.override_library is not None:
        raise NotEditable(f"{obj.name!r} overrides one of another file.", "Make it local first.")
    if obj.mode == "EDIT":
        raise NotEditable(f"{obj.name!r} is being edited.", "Leave its Edit Mode first.")
    if getattr(obj.data, "shape_keys", None) is not None:
        raise NotEditable(f"{obj.name!r} has shape keys.", "Remove them first.")


def keep_points(obj: bpy.types.Object, kept: NDArray[np.bool_]) -> None:
    """Give `obj` data of its own with its points at the mask `kept` [N] alone, in their order.

    Attributes of every type, materials, vertex groups and custom properties are kept; other objects
    that share the data keep all their points. Undo brings the former data back.

    Raises:
        NotEditable: see `check_deletable`.
    """
    check_deletable(obj)
    former, data = obj.data, obj.data.copy()
    try:
        data.attributes.new(_MARK, "BOOLEAN", "POINT").data.foreach_set("value", ~kept)
        texts = _read_texts(data, kept)
        _delete_marked(data)
        data.attributes.remove(data.attributes[_MARK])
        _write_texts(data, texts)
        _restore_materials(data, former.materials)
    except BaseException:
        _remove(data)
        raise
    obj.data = data
    if not former.users:
        name = former.name
        _remove(former)
        data.name = name


def _delete_marked(data: PointData) -> None:
    """Apply the Delete Geometry node, which knows every kind of attribute but texts."""
    group = _new_node_group()
    carrier = bpy.data.objects.new(_MARK, data)
    try:
        carrier.modifiers.new(_MARK, "NODES").node_group = group
        with only_selected(carrier):
            bpy.ops.object.modifier_apply(modifier=_MARK)
    finally:
        bpy.data.objects.remove(carrier)
        bpy.data.node_groups.remove(group)


def _new_node_group() -> bpy.types.NodeTree:
    group = bpy.data.node_groups.new(_MARK, "GeometryNodeTree")
    for side in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    tree = NodeTreeBuilder(group)
    points = tree.add("NodeGroupInput").outputs["Geometry"]
    marked = tree.out("GeometryNodeInputNamedAttribute", _MARK, data_type="BOOLEAN")
    kept = tree.out("GeometryNodeDeleteGeometry", points, marked, domain="POINT")
    tree.add("NodeGroupOutput", kept)
    return group


def _read_texts(data: PointData, kept: NDArray[np.bool_]) -> dict[str, list[bytes]]:
    """The kept values of text attributes of points, by name."""
    return {
        attribute.name: [attribute.data[i].value for i in np.flatnonzero(kept).tolist()]
        for attribute in data.attributes
        if attribute.data_type == "STRING" and attribute.domain == "POINT"
    }


def _write_texts(data: PointData, texts: dict[str, list[bytes]]) -> None:
    for name, values in texts.items():
        items = data.attributes.new(name, "STRING", "POINT").data
        for item, value in zip(items, values, strict=True):
            item.value = value


def _restore_materials(data: PointData, materials: Sequence[bpy.types.Material | None]) -> None:
    """Applying nodes drops the materials of point clouds."""
    data.materials.clear()
    for material in materials:
        data.materials.append(material)


def _remove(data: PointData) -> None:
    library = bpy.data.meshes if isinstance(data, bpy.types.Mesh) else bpy.data.pointclouds
    library.remove(data)
