"""Materials of splats, points and meshes, as node trees."""

from __future__ import annotations

import bpy

from .color_nodes import COLOR_SOCKETS, adjust_color, srgb_from_linear
from .nodes import Input, NodeTreeBuilder, clear_node_tree

RADIANCE = "radiance"  # the attribute that Blender 5.3 gives native splats: linear RGB
SPLAT_COLOR = "splat_color"  # linear RGB and opacity, stored by the node group
# Of points and meshes, the glTF importer's name; "color" is black in Cycles.
SURFACE_COLOR = "Color"
CUTOFF = 3.0  # an ellipsoid ends at this many standard deviations


def build_ellipsoid_material(name: str) -> bpy.types.Material:
    """Emission in the splat's colour; alpha is the maximum of the Gaussian along the ray.

    In the instance's space the ellipsoid is the unit sphere: for P on its surface and D along the
    ray, the squared distance of the ray from the centre is |P|^2 - (P.D)^2 / |D|^2.
    """
    material, tree = _new_material(name)
    material.surface_render_method = "DITHERED"
    # Splats do not light the scene, and sampling thousands of emitters is slow.
    material.cycles.emission_sampling = "NONE"
    position = tree.add("ShaderNodeTexCoord").outputs["Object"]
    geometry = tree.add("ShaderNodeNewGeometry").outputs
    ray = tree.out(
        "ShaderNodeVectorTransform",
        geometry["Incoming"],
        vector_type="VECTOR",
        convert_from="WORLD",
        convert_to="OBJECT",
    )
    along = tree.math("POWER", tree.dot(position, ray), 2.0)
    across = tree.math("DIVIDE", along, tree.dot(ray, ray))
    distance = tree.math("SUBTRACT", tree.dot(position, position), across)
    gauss = tree.math("EXPONENT", tree.math("MULTIPLY", distance, -0.5 * CUTOFF**2))
    front = tree.math("SUBTRACT", 1.0, geometry["Backfacing"])
    color = tree.add(
        "ShaderNodeAttribute", attribute_name=SPLAT_COLOR, attribute_type="INSTANCER"
    ).outputs
    alpha = tree.math("MULTIPLY", tree.math("MULTIPLY", color["Alpha"], gauss), front)
    _connect_emission(tree, color["Color"], alpha)
    return material


def build_point_material(name: str) -> bpy.types.Material:
    """Opaque emission in the splat's colour, for splats drawn as points."""
    material, tree = _new_material(name)
    material.cycles.emission_sampling = "NONE"
    color = tree.add("ShaderNodeAttribute", attribute_name=SPLAT_COLOR).outputs["Color"]
    _connect_emission(tree, color, 1.0)
    return material


def build_surface_material(name: str) -> bpy.types.Material:
    """Diffuse, in the colours of the mesh's vertices or of the points."""
    material, tree = _new_material(name)
    _connect_principled(
        tree, tree.add("ShaderNodeAttribute", attribute_name=SURFACE_COLOR).outputs["Color"]
    )
    return material


def build_native_color_group(name: str) -> bpy.types.NodeTree:
    """A shader node group: emission in a native splat's color, adjusted by the group's inputs.

    The opacity stays the renderer's: mixed with a transparent shader, Cycles skips the splats that
    overlap the one it has passed.
    """
    group = bpy.data.node_groups.new(name, "ShaderNodeTree")
    for socket in COLOR_SOCKETS:
        socket.add_to(group)
    group.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    tree = NodeTreeBuilder(group)
    inputs = dict(tree.add("NodeGroupInput").outputs.items())
    radiance = tree.add("ShaderNodeAttribute", attribute_name=RADIANCE).outputs["Color"]
    encoded = tree.per_channel(radiance, srgb_from_linear)
    light = tree.out("ShaderNodeEmission", adjust_color(tree, encoded, inputs), 1.0)
    tree.add("NodeGroupOutput", light)
    return group


def build_native_color_material(name: str, group: bpy.types.NodeTree) -> bpy.types.Material:
    """A material of the node group alone, whose inputs are this material's."""
    material, tree = _new_material(name)
    material.cycles.emission_sampling = "NONE"
    node = tree.add("ShaderNodeGroup", node_tree=group)
    tree.add("ShaderNodeOutputMaterial", node.outputs[0])
    return material


def build_diffuse_material(name: str, color: tuple[float, float, float]) -> bpy.types.Material:
    """Diffuse, in one colour, linear RGB."""
    material, tree = _new_material(name)
    _connect_principled(tree, (*color, 1.0))
    return material


def _connect_principled(tree: NodeTreeBuilder, color: Input) -> None:
    surface = tree.add("ShaderNodeBsdfPrincipled")
    tree.connect(color, surface.inputs["Base Color"])
    tree.connect(0.8, surface.inputs["Roughness"])
    tree.add("ShaderNodeOutputMaterial", surface.outputs[0])


def _new_material(name: str) -> tuple[bpy.types.Material, NodeTreeBuilder]:
    material = bpy.data.materials.new(name)
    return material, clear_node_tree(material)


def _connect_emission(
    tree: NodeTreeBuilder, color: bpy.types.NodeSocket, alpha: bpy.types.NodeSocket | float
) -> None:
    light = tree.out("ShaderNodeEmission", color, 1.0)
    clear = tree.out("ShaderNodeBsdfTransparent")
    mixed = tree.out("ShaderNodeMixShader", alpha, clear, light)
    tree.add("ShaderNodeOutputMaterial", mixed)
