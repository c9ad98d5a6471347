"""The color adjustment of splat objects: undone at any time, or baked into the splats.

Where Blender draws the splats, a material adjusts the colors and a modifier the opacity; elsewhere
all are inputs of the modifier that shows the splats.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import OnProgress, ignore_progress
from ..contract.problems import InvalidRequest
from . import materials, splat_nodes
from .appearance import SPLAT_GROUP, get_or_build, is_version_of, show_splats, splat_group
from .color_adjustment import ColorAdjustment
from .color_nodes import COLOR_SOCKETS
from .data_users import make_single_user
from .node_inputs import NodeInput, modifier_input, node_input, replace_node_group
from .point_data import (
    PointAttribute,
    PointData,
    is_point_attribute,
    read_attribute,
    write_attribute,
)
from .progress_parts import each_with_progress
from .splat_editing import check_splats, count_splats
from .splat_selection import read_values
from .splats import BASE, HARMONIC, is_drawn_natively

_COLOR = "Splatsmith Color"  # material and node group
_OPACITY = "Splatsmith Opacity"
_COLOR_NAMES = tuple(socket.name for socket in COLOR_SOCKETS)


class ForeignMaterial(InvalidRequest):
    """Raised when another material is in the place of the one that adjusts colors."""

    code = "foreign-material"
    title = "The splats have another material"


def color_inputs(obj: bpy.types.Object) -> list[NodeInput]:
    """The inputs of the object's color adjustment; empty before `enable_color_adjustment`."""
    modifier = _modifier(obj)
    if not is_drawn_natively(obj):
        names = (*_COLOR_NAMES, "Opacity") if _has_color_inputs(modifier) else ()
        return [modifier_input(modifier, name) for name in names]
    node = _color_node(_material(obj))
    colors = [node_input(node, name) for name in _COLOR_NAMES] if node else []
    return [*colors, modifier_input(modifier, "Opacity")] if modifier and colors else []


def shares_color_adjustment(obj: bpy.types.Object) -> bool:
    """Whether other objects have the same material, as copies of an object do."""
    material = _material(obj) if is_drawn_natively(obj) else None
    return _color_node(material) is not None and material.users > 1


def enable_color_adjustment(objects: Collection[bpy.types.Object]) -> None:
    """Give each object inputs of its own that adjust its colors; its look stays as it is.

    Raises:
        NoSplats, NotEditable, ForeignMaterial: nothing was changed.
    """
    check_splats(objects)
    for obj in objects:
        if is_drawn_natively(obj):
            _check_material(obj)
    for obj in objects:
        if is_drawn_natively(obj):
            _enable_native(obj)
        elif (modifier := _modifier(obj)) is None:
            show_splats(obj, count_splats(obj))
        elif not _has_color_inputs(modifier):
            replace_node_group(modifier, splat_group())


def read_color_adjustment(obj: bpy.types.Object) -> ColorAdjustment:
    """The color adjustment that `obj` is shown with; the neutral one if it has none."""
    numbers: dict[str, float] = {}
    tint = ColorAdjustment().tint
    for each in color_inputs(obj):
        value = each.read()
        if isinstance(value, float | int):
            numbers[each.name.lower()] = value
        else:
            tint = (value[0], value[1], value[2])
    return replace(ColorAdjustment(tint=tint), **numbers)


def set_color_adjustment(obj: bpy.types.Object, adjustment: ColorAdjustment) -> None:
    """Show `obj` with `adjustment`, which can be changed at any time.

    Raises:
        NoSplats, NotEditable, ForeignMaterial: nothing was changed.
    """
    enable_color_adjustment([obj])
    for each in color_inputs(obj):
        value = getattr(adjustment, each.name.lower())
        each.write((*value, 1.0) if each.name == "Tint" else value)


def bake_color_adjustment(
    objects: Collection[bpy.types.Object], *, on_progress: OnProgress = ignore_progress
) -> None:
    """Write the adjustment of each object into its splats, and make its inputs neutral.

    Exact up to where colors are clipped: the map is applied to the coefficients before that.

    on_progress: told the share that is done; it must not raise.

    Raises:
        InvalidRequest: an object has no adjustment, or an animated one.
        NoSplats, NotEditable: nothing was changed.
    """
    check_splats(objects)
    adjustments = {obj: read_color_adjustment(obj) for obj in objects}
    for obj, adjustment in adjustments.items():
        _check_bakeable(obj, adjustment)
    bases = {obj: adjustments[obj].apply_to_base(read_values(obj, BASE)) for obj in objects}
    for (obj, adjustment), part in each_with_progress(adjustments.items(), on_progress):
        make_single_user(obj)
        _overwrite(obj.data, BASE, bases[obj])
        if adjustment.changes_color:
            _adjust_harmonics(obj.data, adjustment, part)
        if is_drawn_natively(obj):
            _disable_native(obj)
        else:
            set_color_adjustment(obj, ColorAdjustment())


def _check_bakeable(obj: bpy.types.Object, adjustment: ColorAdjustment) -> None:
    if adjustment == ColorAdjustment():
        raise InvalidRequest(
            f"{obj.name!r} has no color adjustment to bake.", "Change one of its inputs first."
        )
    animated = [each.name for each in color_inputs(obj) if each.is_animated()]
    if animated:
        raise InvalidRequest(
            f"The {animated[0].lower()} of {obj.name!r} is animated.",
            "Remove its keyframes and drivers first.",
        )


def _adjust_harmonics(
    data: PointData, adjustment: ColorAdjustment, on_progress: OnProgress
) -> None:
    prefix = HARMONIC.format("")
    names = [a.name for a in data.attributes if a.name.startswith(prefix)]
    for name, report in each_with_progress(names, on_progress):
        report(0.0)
        if not is_point_attribute(data.attributes[name]):
            continue
        coefficient = read_attribute(data.attributes[name])
        if coefficient.shape[1:] == (3,):
            _overwrite(data, name, adjustment.apply_to_harmonic(coefficient))


def _overwrite(data: PointData, name: str, values: NDArray[np.float32]) -> None:
    write_attribute(data, PointAttribute(name, data.attributes[name].data_type, values))
    data.update_tag()


def _modifier(obj: bpy.types.Object) -> bpy.types.NodesModifier | None:
    """The modifier that shows the splats or, where Blender does so, scales their opacity."""
    name = _OPACITY if is_drawn_natively(obj) else SPLAT_GROUP
    found = (m for m in obj.modifiers if m.type == "NODES" and is_version_of(m.node_group, name))
    return next(found, None)


def _has_color_inputs(modifier: bpy.types.NodesModifier | None) -> bool:
    """Whether its node group is none of an older version."""
    return modifier is not None and _COLOR_NAMES[0] in modifier.node_group.interface.items_tree


def _color_node(material: bpy.types.Material | None) -> bpy.types.ShaderNodeGroup | None:
    """The node in a material that adjusts colors."""
    if material is None or material.node_tree is None:
        return None
    nodes = (n for n in material.node_tree.nodes if n.type == "GROUP")
    return next((n for n in nodes if is_version_of(n.node_tree, _COLOR)), None)


def _material(obj: bpy.types.Object) -> bpy.types.Material | None:
    """What all points of `obj` are drawn with."""
    return obj.material_slots[0].material if obj.material_slots else None


def _check_material(obj: bpy.types.Object) -> None:
    material = _material(obj)
    if material is not None and _color_node(material) is None:
        raise ForeignMaterial(
            f"{obj.name!r} has the material {material.name!r}, which would be replaced.",
            f"Remove it, or add the node group {_COLOR!r} to it.",
        )


def _enable_native(obj: bpy.types.Object) -> None:
    material = _material(obj)
    if material is None:
        _set_material(obj, _new_material())
    elif material.users > 1:
        _set_material(obj, material.copy())
    if _modifier(obj) is None:
        group = get_or_build(bpy.data.node_groups, _OPACITY, splat_nodes.build_opacity)
        obj.modifiers.new(_OPACITY, "NODES").node_group = group


def _new_material() -> bpy.types.Material:
    group = get_or_build(bpy.data.node_groups, _COLOR, materials.build_native_color_group)
    return materials.build_native_color_material(_COLOR, group)


def _set_material(obj: bpy.types.Object, material: bpy.types.Material | None) -> None:
    """In the object's own slot, which objects that share the data do not see."""
    if not obj.material_slots:
        obj.data.materials.append(None)
    slot = obj.material_slots[0]
    slot.link = "OBJECT"
    slot.material = material


def _disable_native(obj: bpy.types.Object) -> None:
    """Let Blender draw the splats by itself again."""
    material = _material(obj)
    _set_material(obj, None)
    if list(obj.data.materials) == [None]:
        obj.data.materials.clear()
    if not material.users:
        bpy.data.materials.remove(material)
    obj.modifiers.remove(_modifier(obj))
