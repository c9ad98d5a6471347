"""Geometry node groups that turn points into splats and into spheres."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from ..contract.cloud import SH_C0
from .color_nodes import COLOR_SOCKETS, adjust_color
from .materials import CUTOFF, SPLAT_COLOR
from .nodes import NodeTreeBuilder, SocketSpec

# The inscribed sphere of an icosphere with two subdivisions has 0.934 of its radius.
_SPHERE_RADIUS = 1 / 0.934
_MIN_OPACITY = 1 / 255
HIDE_INPUT = "Hide in Viewport"
_VOLUME_RESOLUTION = 32  # voxels a side
_DOT_RADIUS = 1.0  # of a splat drawn as a point, times its mean standard deviation
_BASE = "radiance:base"
_OPACITY = SocketSpec("Opacity", "Float", 1.0, (0.0, 10.0))
_SOCKETS = (
    _OPACITY,
    *COLOR_SOCKETS,
    SocketSpec("Size", "Float", 1.0, (0.0, 10.0)),
    SocketSpec("Viewport Share", "Float", 1.0, (0.0, 1.0)),
    SocketSpec("Points in Viewport", "Bool", False),
    SocketSpec("Points in Render", "Bool", False),
    SocketSpec(HIDE_INPUT, "Bool", False),
)


def build_splats(
    name: str, ellipsoid: bpy.types.Material, dot: bpy.types.Material
) -> bpy.types.NodeTree:
    """Turn points with the attributes of native splats into ellipsoids, or into points."""
    tree, inputs = _new_group(name, _SOCKETS)
    points = _to_points(tree, inputs["Geometry"])
    color, alpha = _color(tree, inputs)
    stored = tree.out(
        "GeometryNodeStoreNamedAttribute",
        *(points, None, SPLAT_COLOR, color),
        data_type="FLOAT_COLOR",
        domain="POINT",
    )
    visible = _visible(tree, alpha, inputs["Viewport Share"])
    ellipsoids = _ellipsoids(tree, stored, visible, inputs["Size"], ellipsoid)
    dots = _dots(tree, stored, visible, inputs["Size"], dot)
    in_viewport = tree.out("GeometryNodeIsViewport")
    as_dots = tree.out(
        "GeometryNodeSwitch",
        *(in_viewport, inputs["Points in Render"], inputs["Points in Viewport"]),
        input_type="BOOLEAN",
    )
    shown = tree.out("GeometryNodeSwitch", as_dots, ellipsoids, dots, input_type="GEOMETRY")
    hidden = tree.out("FunctionNodeBooleanMath", in_viewport, inputs[HIDE_INPUT], operation="AND")
    volume = _empty_volume(tree, points)
    tree.add(
        "NodeGroupOutput",
        tree.out("GeometryNodeSwitch", hidden, shown, volume, input_type="GEOMETRY"),
    )
    return tree.tree


def build_round_points(name: str, material: bpy.types.Material) -> bpy.types.NodeTree:
    """Turn mesh vertices with an attribute `radius` into points."""
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    tree = NodeTreeBuilder(group)
    radius = _attribute(tree, "radius", "FLOAT")
    vertices = tree.add("NodeGroupInput").outputs["Geometry"]
    points = tree.out("GeometryNodeMeshToPoints", vertices, None, None, radius)
    tree.add("NodeGroupOutput", tree.out("GeometryNodeSetMaterial", points, None, material))
    return group


def build_opacity(name: str) -> bpy.types.NodeTree:
    """Multiply the opacity of native splats, whose renderer takes it from this attribute alone."""
    tree, inputs = _new_group(name, (_OPACITY,))
    base, alpha = _scaled_opacity(tree, inputs["Opacity"])
    color = tree.out("FunctionNodeCombineColor", base["Red"], base["Green"], base["Blue"], alpha)
    stored = tree.out(
        "GeometryNodeStoreNamedAttribute",
        *(inputs["Geometry"], None, _BASE, color),
        data_type="FLOAT_COLOR",
        domain="POINT",
    )
    tree.add("NodeGroupOutput", stored)
    return tree.tree


def _new_group(
    name: str, sockets: tuple[SocketSpec, ...]
) -> tuple[NodeTreeBuilder, dict[str, bpy.types.NodeSocket]]:
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    for side in ("OUTPUT", "INPUT"):
        group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    for socket in sockets:
        socket.add_to(group)
    tree = NodeTreeBuilder(group)
    return tree, dict(tree.add("NodeGroupInput").outputs.items())


def _to_points(tree: NodeTreeBuilder, geometry: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """A point cloud, from the mesh or point cloud that comes in."""
    parts = tree.add("GeometryNodeSeparateComponents", geometry).outputs
    vertices = tree.out("GeometryNodeMeshToPoints", parts["Mesh"])
    joined = tree.add("GeometryNodeJoinGeometry")
    for part in (vertices, parts["Point Cloud"]):
        tree.connect(part, joined.inputs[0])
    return joined.outputs[0]


def _color(
    tree: NodeTreeBuilder, inputs: Mapping[str, bpy.types.NodeSocket]
) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Linear color with alpha, and alpha, of the DC coefficients and the group's inputs."""
    base, alpha = _scaled_opacity(tree, inputs["Opacity"])
    encoded = tree.out(
        "ShaderNodeCombineXYZ",
        *(
            tree.math("MULTIPLY_ADD", base[channel], SH_C0, 0.5)
            for channel in ("Red", "Green", "Blue")
        ),
    )
    adjusted = tree.add("ShaderNodeSeparateXYZ", adjust_color(tree, encoded, inputs)).outputs
    return tree.out("FunctionNodeCombineColor", *adjusted, alpha), alpha


def _scaled_opacity(
    tree: NodeTreeBuilder, factor: bpy.types.NodeSocket
) -> tuple[bpy.types.bpy_prop_collection, bpy.types.NodeSocket]:
    """The sockets of `radiance:base`, and its opacity times the factor, at most 1."""
    base = tree.add("FunctionNodeSeparateColor", _attribute(tree, _BASE, "FLOAT_COLOR")).outputs
    return base, tree.math("MINIMUM", tree.math("MULTIPLY", base["Alpha"], factor), 1.0)


def _visible(
    tree: NodeTreeBuilder, alpha: bpy.types.NodeSocket, share: bpy.types.NodeSocket
) -> bpy.types.NodeSocket:
    """Selects splats above the least opacity; in the viewport a fixed random share of them."""
    opaque = tree.math("GREATER_THAN", alpha, _MIN_OPACITY)
    sample = tree.out("FunctionNodeRandomValue", share, data_type="BOOLEAN")
    in_viewport = tree.out("GeometryNodeIsViewport")
    chosen = tree.out("GeometryNodeSwitch", in_viewport, True, sample, input_type="BOOLEAN")
    return tree.out("FunctionNodeBooleanMath", opaque, chosen, operation="AND")


def _ellipsoids(
    tree: NodeTreeBuilder,
    points: bpy.types.NodeSocket,
    visible: bpy.types.NodeSocket,
    size: bpy.types.NodeSocket,
    material: bpy.types.Material,
) -> bpy.types.NodeSocket:
    sphere = tree.out("GeometryNodeMeshIcoSphere", _SPHERE_RADIUS, 2)
    sphere = tree.out("GeometryNodeSetMaterial", sphere, None, material)
    instances = tree.add("GeometryNodeInstanceOnPoints", points, visible, sphere)
    tree.connect(_attribute(tree, "rotation", "QUATERNION"), instances.inputs["Rotation"])
    deviations = tree.scale(_attribute(tree, "scale", "FLOAT_VECTOR"), CUTOFF)
    tree.connect(tree.scale(deviations, size), instances.inputs["Scale"])
    return instances.outputs[0]


def _empty_volume(tree: NodeTreeBuilder, points: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """A volume of density 0 in the bounds of `points`: nothing is seen of it but its outline.

    Viewports pick volumes and outline selected ones by their active voxels, which are those whose
    value is not the background's.
    """
    # The node Bounding Box adds the points' radii.
    position = tree.out("GeometryNodeInputPosition")
    bounds = tree.add(
        "GeometryNodeAttributeStatistic", points, None, position, data_type="FLOAT_VECTOR"
    ).outputs
    low, high = (
        next(each for each in bounds if each.enabled and each.name == name)
        for name in ("Min", "Max")
    )
    resolution = (_VOLUME_RESOLUTION,) * 3
    density, background = 0.0, 1.0
    return tree.out("GeometryNodeVolumeCube", density, background, low, high, *resolution)


def _dots(
    tree: NodeTreeBuilder,
    points: bpy.types.NodeSocket,
    visible: bpy.types.NodeSocket,
    size: bpy.types.NodeSocket,
    material: bpy.types.Material,
) -> bpy.types.NodeSocket:
    hidden = tree.out("FunctionNodeBooleanMath", visible, operation="NOT")
    kept = tree.out("GeometryNodeDeleteGeometry", points, hidden, domain="POINT")
    third = (_DOT_RADIUS / 3,) * 3
    mean = tree.dot(_attribute(tree, "scale", "FLOAT_VECTOR"), third)
    sized = tree.out("GeometryNodeSetPointRadius", kept, None, tree.math("MULTIPLY", mean, size))
    return tree.out("GeometryNodeSetMaterial", sized, None, material)


def _attribute(tree: NodeTreeBuilder, name: str, kind: str) -> bpy.types.NodeSocket:
    return tree.out("GeometryNodeInputNamedAttribute", name, data_type=kind)
