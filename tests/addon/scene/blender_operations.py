"""What Blender's own operators do to splats, and the map by which each moves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import bpy
import numpy as np
from mathutils import Euler, Matrix

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.harmonics import basis
from blender_addon.contract.transform import rotation_matrices

TURN, STRETCH, SHIFT = (0.3, -0.8, 1.1), (1.0, -2.0, 0.5), (1.0, 2.0, -3.0)

Operation = Callable[[bpy.types.Object], np.ndarray]


def apply(obj: bpy.types.Object) -> np.ndarray:
    """Object > Apply > All Transforms, of a turned and mirrored object."""
    obj.rotation_euler, obj.scale, obj.location = TURN, STRETCH, SHIFT
    matrix = np.array(obj.matrix_basis)
    select(obj)
    bpy.ops.object.transform_apply()
    return matrix


def turn_in_edit_mode(obj: bpy.types.Object) -> np.ndarray:
    """Select all, R Z."""
    before = positions(obj)
    select(obj)
    bpy.ops.object.mode_set(mode="EDIT")
    operators = bpy.ops.mesh if obj.type == "MESH" else bpy.ops.pointcloud
    operators.select_all(action="SELECT")
    bpy.ops.transform.rotate(value=0.7, orient_axis="Z", center_override=(0, 0, 0))
    bpy.ops.object.mode_set(mode="OBJECT")
    return affine_between(before, positions(obj))


def realize(obj: bpy.types.Object) -> np.ndarray:
    """An instance that is turned and scaled, realized."""
    before = positions(obj)
    with_modifier(
        obj,
        ("GeometryNodeGeometryToInstance", {}),
        ("GeometryNodeScaleInstances", {"Scale": STRETCH}),
        ("GeometryNodeRotateInstances", {"Rotation": TURN}),
        ("GeometryNodeRealizeInstances", {}),
    )
    return affine_between(before, positions(obj))


def transform_geometry(obj: bpy.types.Object) -> np.ndarray:
    """The node Transform Geometry, applied."""
    values = {"Translation": SHIFT, "Rotation": TURN, "Scale": STRETCH}
    with_modifier(obj, ("GeometryNodeTransform", values))
    return np.array(Matrix.LocRotScale(SHIFT, Euler(TURN), STRETCH))


OPERATIONS: tuple[Operation, ...] = (apply, turn_in_edit_mode, realize, transform_geometry)


def join(active: bpy.types.Object, *others: bpy.types.Object) -> None:
    select(active, *others)
    bpy.ops.object.join()


def select(active: bpy.types.Object, *others: bpy.types.Object) -> None:
    bpy.context.view_layer.update()  # 5.3 lists objects that were just linked only then
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in (active, *others))
    bpy.context.view_layer.objects.active = active


def with_modifier(obj: bpy.types.Object, *nodes: tuple[str, Mapping[str, Sequence[float]]]) -> None:
    """Apply a geometry nodes modifier that is a chain of `nodes` with their inputs' values."""
    tree = bpy.data.node_groups.new("chain", "GeometryNodeTree")
    for side in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    last = tree.nodes.new("NodeGroupInput")
    for kind, values in (*nodes, ("NodeGroupOutput", {})):
        node = tree.nodes.new(kind)
        for name, value in values.items():
            node.inputs[name].default_value = value
        tree.links.new(last.outputs[0], node.inputs[0])
        last = node
    obj.modifiers.clear()
    obj.modifiers.new("chain", "NODES").node_group = tree
    select(obj)
    bpy.ops.object.modifier_apply(modifier="chain")


def split(obj: bpy.types.Object, chosen: np.ndarray) -> bpy.types.Object:
    """Separate the `chosen` [N] splats into an object of their own, which is returned."""
    before = set(bpy.data.objects)
    select(obj)
    if obj.type == "MESH":
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="DESELECT")
        bpy.ops.object.mode_set(mode="OBJECT")
        obj.data.vertices.foreach_set("select", chosen)
    else:
        flags = obj.data.attributes.new(".selection", "BOOLEAN", "POINT")
        flags.data.foreach_set("value", chosen)
    bpy.ops.object.mode_set(mode="EDIT")
    if obj.type == "MESH":
        bpy.ops.mesh.separate(type="SELECTED")
    else:
        bpy.ops.pointcloud.separate()
    bpy.ops.object.mode_set(mode="OBJECT")
    (separated,) = set(bpy.data.objects) - before
    return separated


def as_mesh(obj: bpy.types.Object) -> bpy.types.Object:
    """The object with its points as mesh vertices, as files of old versions have them."""
    obj.modifiers.clear()
    if obj.type != "MESH":
        select(obj)
        bpy.ops.object.convert(target="MESH")
    return obj


def move_some(obj: bpy.types.Object, chosen: np.ndarray, matrix: np.ndarray) -> None:
    """Move the `chosen` [N] positions alone, as an edit of selected splats does."""
    here = positions(obj).astype(np.float64)
    here[chosen] = here[chosen] @ matrix[:3, :3].T + matrix[:3, 3]
    obj.data.attributes["position"].data.foreach_set("vector", here.astype(np.float32).ravel())
    obj.data.update_tag()


def positions(obj: bpy.types.Object) -> np.ndarray:
    data = obj.data.attributes["position"].data
    values = np.empty(3 * len(data), np.float32)
    data.foreach_get("vector", values)
    return values.reshape(-1, 3)


def affine_between(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The map of points by least squares."""
    homogeneous = np.column_stack([before, np.ones(len(before))])
    matrix = np.eye(4)
    matrix[:3] = np.linalg.lstsq(homogeneous, after, rcond=None)[0].T
    return matrix


def covariances(cloud: GaussianCloud) -> np.ndarray:
    axes = rotation_matrices(cloud.quats) * cloud.scales[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def assert_same_look(
    found: GaussianCloud, expected: GaussianCloud, tolerance: float = 2e-5
) -> None:
    """That both clouds look the same: their shapes, and their colors from all around."""
    size = max(1.0, float(np.abs(expected.means).max()))
    np.testing.assert_allclose(found.means / size, expected.means / size, atol=tolerance)
    largest = np.abs(covariances(expected)).max()
    np.testing.assert_allclose(
        covariances(found) / largest, covariances(expected) / largest, atol=tolerance
    )
    np.testing.assert_array_equal(found.opacities, expected.opacities)
    np.testing.assert_array_equal(found.sh0, expected.sh0)
    for cloud in (found, expected):
        assert cloud.degree == found.degree
    around = np.random.default_rng(0).normal(size=(20, 3))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    values = basis(around.astype(np.float32), found.degree)[:, 1:]
    seen = [np.einsum("mk,nkc->nmc", values, cloud.shN) for cloud in (found, expected)]
    np.testing.assert_allclose(*seen, atol=20 * tolerance)
