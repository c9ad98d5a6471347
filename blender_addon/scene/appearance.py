"""How splats and points look below Blender 5.3: materials and a node group, made once per file.

A splat is drawn as an ellipsoid out to three standard deviations, whose opacity is the maximum of
its Gaussian along the ray: right from every side, in Cycles and EEVEE. In the viewport a large
cloud is drawn as points instead, and only in part, so that the window stays responsive.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy

from . import materials, splat_nodes

VERSION = 1  # raised whenever a look changes: older files keep the look they were made with
ELLIPSOIDS_IN_VIEWPORT = 40_000
POINTS_IN_VIEWPORT = 400_000
TRANSPARENT_BOUNCES = 512

_MODIFIER = "Splatsmith Splats"
_STAMP = "splatsmith_version"


def show_splats(obj: bpy.types.Object, count: int) -> None:
    """Give an object of `count` splats its modifier and materials."""
    group = _once(bpy.data.node_groups, "Splatsmith Splats", _new_splat_group)
    modifier = obj.modifiers.new(_MODIFIER, "NODES")
    modifier.node_group = group
    set_input(modifier, "Points in Viewport", count > ELLIPSOIDS_IN_VIEWPORT)
    set_input(modifier, "Viewport Share", min(1.0, POINTS_IN_VIEWPORT / max(count, 1)))


def show_points(obj: bpy.types.Object) -> None:
    """Give an object of coloured points its material, and round points where it is a mesh."""
    obj.data.materials.append(surface_material())
    if obj.type == "MESH":
        group = _once(bpy.data.node_groups, "Splatsmith Round Points", _new_point_group)
        obj.modifiers.new("Splatsmith Points", "NODES").node_group = group


def surface_material() -> bpy.types.Material:
    """The material of points, and of meshes whose colours are on their vertices."""
    return _once(bpy.data.materials, "Splatsmith Surface", materials.build_surface)


def set_input(modifier: bpy.types.NodesModifier, name: str, value: float | bool) -> None:
    """Set one of the modifier's inputs, by the name that its panel shows."""
    identifier = modifier.node_group.interface.items_tree[name].identifier
    if hasattr(modifier, "properties"):  # 5.2 and later
        getattr(modifier.properties.inputs, identifier).value = value
    else:
        modifier[identifier] = value


def raise_transparent_bounces(scene: bpy.types.Scene) -> None:
    """Let Cycles' rays pass through many splats: stopped early, they come back black.

    Call it once after adding splats to `scene`; Blender's default of 8 shows dark blots.
    """
    cycles = scene.cycles
    cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, TRANSPARENT_BOUNCES)


def _new_splat_group(name: str) -> bpy.types.NodeTree:
    ellipsoid = _once(bpy.data.materials, "Splatsmith Ellipsoid", materials.build_ellipsoid)
    dot = _once(bpy.data.materials, "Splatsmith Dot", materials.build_dot)
    return splat_nodes.build_splats(name, ellipsoid, dot)


def _new_point_group(name: str) -> bpy.types.NodeTree:
    return splat_nodes.build_round_points(name, surface_material())


def _once(
    library: bpy.types.bpy_prop_collection, name: str, build: Callable[[str], bpy.types.ID]
) -> bpy.types.ID:
    """The datablock of this name and version, built if the file has none."""
    for item in library:
        if item.name.startswith(name) and item.get(_STAMP) == VERSION and item.library is None:
            return item
    item = build(name)
    item[_STAMP] = VERSION
    return item
