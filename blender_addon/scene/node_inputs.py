"""Inputs of node groups by their labels: those of modifiers, and of nodes in materials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bpy

Value = float | bool | Sequence[float]


@dataclass(frozen=True)
class NodeInput:
    """An input as a field of panels: `layout.prop(owner, member, text=name)`."""

    name: str
    owner: bpy.types.bpy_struct
    member: str

    def read(self) -> Value:
        if self.member.startswith("["):  # a custom property
            return self.owner[self.member[2:-2]]
        return getattr(self.owner, self.member)

    def write(self, value: Value) -> None:
        if self.member.startswith("["):
            self.owner[self.member[2:-2]] = value
        else:
            setattr(self.owner, self.member, value)
        self.owner.id_data.update_tag()

    @property
    def path(self) -> str:
        """From the datablock that animation of the input belongs to, `owner.id_data`."""
        if self.member.startswith("["):
            return self.owner.path_from_id() + self.member
        return self.owner.path_from_id(self.member)

    def is_animated(self) -> bool:
        """Whether the input has keyframes or a driver."""
        animation = self.owner.id_data.animation_data
        if animation is None:
            return False
        return any(curve.data_path == self.path for curve in _curves(animation))


def _curves(animation: bpy.types.AnimData) -> Iterator[bpy.types.FCurve]:
    yield from animation.drivers
    action = animation.action
    if action is not None and hasattr(action, "fcurves"):  # before 5.0
        yield from action.fcurves
    elif action is not None:
        for layer in action.layers:
            for strip in layer.strips:
                for bag in strip.channelbags:
                    yield from bag.fcurves


def node_input(node: bpy.types.ShaderNodeGroup, name: str) -> NodeInput:
    """The input `name` of a node in a material."""
    return NodeInput(name, node.inputs[name], "default_value")


def modifier_input(modifier: bpy.types.NodesModifier, name: str) -> NodeInput:
    """The input `name` of a modifier."""
    identifier = modifier.node_group.interface.items_tree[name].identifier
    if hasattr(modifier, "properties"):  # 5.2 and later
        return NodeInput(name, getattr(modifier.properties.inputs, identifier), "value")
    return NodeInput(name, modifier, f'["{identifier}"]')


def get_modifier_input(modifier: bpy.types.NodesModifier, name: str) -> Value:
    """The value of the input `name` of a modifier."""
    return modifier_input(modifier, name).read()


def set_modifier_input(modifier: bpy.types.NodesModifier, name: str, value: Value) -> None:
    """Set the input `name` of a modifier."""
    modifier_input(modifier, name).write(value)


def replace_node_group(modifier: bpy.types.NodesModifier, group: bpy.types.NodeTree) -> None:
    """Give a modifier another node group; inputs keep their values by name.

    Blender would keep them by their numbers, which other inputs have in the other group.
    """
    values = {name: _plain(get_modifier_input(modifier, name)) for name in _defaults(modifier)}
    modifier.node_group = group
    for name, default in _defaults(modifier).items():
        set_modifier_input(modifier, name, values.get(name, default))


def _defaults(modifier: bpy.types.NodesModifier) -> dict[str, Value]:
    """The default values of the inputs that have any, by name."""
    return {
        item.name: _plain(item.default_value)
        for item in modifier.node_group.interface.items_tree
        if item.item_type == "SOCKET"
        and item.in_out == "INPUT"
        and item.socket_type != "NodeSocketGeometry"
    }


def _plain(value: Value) -> Value:
    """A copy that does not change with the input."""
    return value if isinstance(value, float | int) else tuple(value)
