"""Materials and node groups that show splats and points below Blender 5.3, one set per file.

A splat is an ellipsoid of three standard deviations, whose opacity is the maximum of its Gaussian
along the ray: independent of the view, in Cycles and EEVEE. In Rendered viewports a large cloud is
drawn as points and subsampled, so that the window stays responsive; in others the draw handler of
`viewport` draws it, and the nodes show a volume that is invisible but can be picked.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import bpy

from . import materials, splat_nodes
from .node_inputs import get_modifier_input, replace_node_group, set_modifier_input
from .splat_nodes import HIDE_INPUT

VERSION = 2  # raised when a material or node group changes: older files keep their own
ELLIPSOIDS_IN_VIEWPORT = 40_000
POINTS_IN_VIEWPORT = 400_000
TRANSPARENT_BOUNCES = 512

SPLAT_GROUP = "Splatsmith Splats"  # the modifier's name, too
_VERSION_PROPERTY = "splatsmith_version"
_NUMBER = re.compile(r"\.\d+$")  # which Blender appends to a second name


def show_splats(obj: bpy.types.Object, count: int) -> None:
    """Add the modifier and materials of an object with `count` splats."""
    modifier = obj.modifiers.new(SPLAT_GROUP, "NODES")
    modifier.node_group = splat_group()
    limit_viewport(obj, count)
    # As `viewport` will set it, so that nothing is built that it hides at once.
    set_modifier_input(modifier, HIDE_INPUT, not bpy.app.background)


def limit_viewport(obj: bpy.types.Object, count: int) -> None:
    """Choose how the viewport draws `count` splats of an object; without our modifier, nothing."""
    modifier = obj.modifiers.get(SPLAT_GROUP)
    if modifier is not None:
        share = min(1.0, POINTS_IN_VIEWPORT / max(count, 1))
        set_modifier_input(modifier, "Points in Viewport", count > ELLIPSOIDS_IN_VIEWPORT)
        set_modifier_input(modifier, "Viewport Share", share)


def hide_in_viewport(modifier: bpy.types.NodesModifier, hidden: bool) -> None:
    """Show a splat object's ellipsoids in viewports, or a volume that can be picked instead.

    Node groups of older files are replaced by today's, with the values of their inputs.
    """
    if HIDE_INPUT not in modifier.node_group.interface.items_tree:
        replace_node_group(modifier, splat_group())
    if is_hidden_in_viewport(modifier) != hidden:
        set_modifier_input(modifier, HIDE_INPUT, hidden)
        modifier.id_data.update_tag()


def is_hidden_in_viewport(modifier: bpy.types.NodesModifier) -> bool:
    """Whether the nodes show no ellipsoids in viewports."""
    has_input = HIDE_INPUT in modifier.node_group.interface.items_tree
    return has_input and bool(get_modifier_input(modifier, HIDE_INPUT))


def show_points(obj: bpy.types.Object) -> None:
    """Add the material of coloured points, and a modifier that makes points of mesh vertices."""
    obj.data.materials.append(surface_material())
    if obj.type == "MESH":
        group = get_or_build(bpy.data.node_groups, "Splatsmith Round Points", _new_point_group)
        obj.modifiers.new("Splatsmith Points", "NODES").node_group = group


def splat_group() -> bpy.types.NodeTree:
    """The node group that shows splats."""
    return get_or_build(bpy.data.node_groups, SPLAT_GROUP, _new_splat_group)


def surface_material() -> bpy.types.Material:
    """The material of points, and of meshes with vertex colours."""
    return get_or_build(bpy.data.materials, "Splatsmith Surface", materials.build_surface_material)


def get_or_build(
    library: bpy.types.bpy_prop_collection, name: str, build: Callable[[str], bpy.types.ID]
) -> bpy.types.ID:
    """The file's datablock of this name and version; built if there is none."""
    for item in library:
        if (
            is_version_of(item, name)
            and item.library is None
            and item[_VERSION_PROPERTY] == VERSION
        ):
            return item
    item = build(name)
    item[_VERSION_PROPERTY] = VERSION
    return item


def is_version_of(item: bpy.types.ID | None, name: str) -> bool:
    """Whether `item` is what `get_or_build` made of this name, in whatever version."""
    if item is None or _VERSION_PROPERTY not in item:
        return False
    return _NUMBER.sub("", item.name) == name


def find_splat_modifier(obj: bpy.types.Object) -> bpy.types.NodesModifier | None:
    """The modifier that `show_splats` added, of whatever version."""
    nodes = (modifier for modifier in obj.modifiers if modifier.type == "NODES")
    return next((m for m in nodes if is_version_of(m.node_group, SPLAT_GROUP)), None)


def raise_transparent_bounces(scene: bpy.types.Scene) -> None:
    """Raise Cycles' limit of transparent bounces: rays that reach it return black.

    Call it once after adding splats to `scene`; Blender's default of 8 shows dark spots.
    """
    cycles = scene.cycles
    cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, TRANSPARENT_BOUNCES)


def _new_splat_group(name: str) -> bpy.types.NodeTree:
    ellipsoid = get_or_build(
        bpy.data.materials, "Splatsmith Ellipsoid", materials.build_ellipsoid_material
    )
    dot = get_or_build(bpy.data.materials, "Splatsmith Dot", materials.build_point_material)
    return splat_nodes.build_splats(name, ellipsoid, dot)


def _new_point_group(name: str) -> bpy.types.NodeTree:
    return splat_nodes.build_round_points(name, surface_material())
