"""Builds node trees from nested expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy

Input = bpy.types.NodeSocket | float | bool | str | tuple[float, ...] | bpy.types.ID | None


@dataclass(frozen=True)
class SocketSpec:
    """An input of a node group; limits: least and greatest value, of numbers."""

    name: str
    kind: str  # Float, Bool, Color ...
    default: float | bool | tuple[float, ...]
    limits: tuple[float, float] | None = None

    def add_to(self, group: bpy.types.NodeTree) -> None:
        socket = group.interface.new_socket(
            self.name, in_out="INPUT", socket_type=f"NodeSocket{self.kind}"
        )
        socket.default_value = self.default
        if self.limits:
            socket.min_value, socket.max_value = self.limits


@dataclass(frozen=True)
class NodeTreeBuilder:
    """A node tree under construction."""

    tree: bpy.types.NodeTree

    def add(self, kind: str, *inputs: Input, **properties: object) -> bpy.types.Node:
        """Add a node; `inputs` are sockets to link or values, in the order of its visible sockets.

        None leaves a socket as it is.
        """
        node = self.tree.nodes.new(kind)
        for name, value in properties.items():
            setattr(node, name, value)
        # Sockets of a node's other modes exist, but are disabled.
        sockets = [socket for socket in node.inputs if socket.enabled]
        for socket, value in zip(sockets, inputs, strict=False):
            self.connect(value, socket)
        return node

    def out(self, kind: str, *inputs: Input, **properties: object) -> bpy.types.NodeSocket:
        """Add a node as `add` does and return its first output."""
        node = self.add(kind, *inputs, **properties)
        return next(socket for socket in node.outputs if socket.enabled)

    def connect(self, value: Input, socket: bpy.types.NodeSocket) -> None:
        """Link a socket, or set a value, into an input."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif value is not None:
            socket.default_value = value

    def math(self, operation: str, *inputs: Input) -> bpy.types.NodeSocket:
        """A scalar operation."""
        return self.out("ShaderNodeMath", *inputs, operation=operation)

    def dot(self, a: Input, b: Input) -> bpy.types.NodeSocket:
        """The scalar product of two vectors."""
        return self.out("ShaderNodeVectorMath", a, b, operation="DOT_PRODUCT")

    def vector(self, operation: str, *inputs: Input) -> bpy.types.NodeSocket:
        """An operation on vectors or colors."""
        return self.out("ShaderNodeVectorMath", *inputs, operation=operation)

    def per_channel(
        self,
        color: Input,
        function: Callable[[NodeTreeBuilder, bpy.types.NodeSocket], bpy.types.NodeSocket],
    ) -> bpy.types.NodeSocket:
        """A vector whose parts are `function` of those of a vector or color."""
        parts = self.add("ShaderNodeSeparateXYZ", color).outputs
        return self.out("ShaderNodeCombineXYZ", *(function(self, part) for part in parts))

    def scale(self, vector: Input, factor: Input) -> bpy.types.NodeSocket:
        """A vector times a number."""
        return self.out("ShaderNodeVectorMath", vector, factor, operation="SCALE")


def clear_node_tree(owner: bpy.types.Material | bpy.types.World) -> NodeTreeBuilder:
    """The emptied node tree of a new material or world."""
    if owner.node_tree is None:  # before 5.0, which creates it at once
        owner.use_nodes = True
    owner.node_tree.nodes.clear()
    return NodeTreeBuilder(owner.node_tree)
