from __future__ import annotations

import bmesh
import bpy
import numpy as np
import pytest

from blender_addon.scene.provenance import Provenance, read_provenance, write_provenance
from blender_addon.scene.quads import NoMesh, add_quads

RED, BLUE = (0.8, 0.1, 0.1, 1.0), (0.1, 0.1, 0.8, 1.0)
PROVENANCE = Provenance('{"prompt": "a ball"}', "7", "sprout", "mesh")


@pytest.fixture
def ball(scene: bpy.types.Scene) -> bpy.types.Object:
    """An icosphere of triangles, radius 1 but squeezed by its object, in a collection."""
    mesh = bpy.data.meshes.new("ball.mesh")
    shape = bmesh.new()
    bmesh.ops.create_icosphere(shape, subdivisions=4, radius=1)
    shape.to_mesh(mesh)
    shape.free()
    obj = bpy.data.objects.new("ball.mesh", mesh)
    collection = bpy.data.collections.new("balls")
    scene.collection.children.link(collection)
    collection.objects.link(obj)
    obj.location, obj.rotation_euler, obj.scale = (1, 2, 3), (0.3, 0.2, 0.1), (1, 1, 2)
    return obj


def positions_of(obj: bpy.types.Object) -> np.ndarray:
    return np.array([vertex.co for vertex in obj.data.vertices])


def colors_of(obj: bpy.types.Object) -> np.ndarray:
    return np.array([item.color for item in obj.data.color_attributes[0].data])


def assert_red_above_and_blue_below(obj: bpy.types.Object) -> None:
    height, colors = positions_of(obj)[:, 2], colors_of(obj)
    for chosen, color in ((height > 0.2, RED), (height < -0.2, BLUE)):
        assert chosen.any() and np.abs(colors[chosen] - color).max() < 0.02


def paint(obj: bpy.types.Object, domain: str) -> None:
    """Red above, blue below."""
    attribute = obj.data.color_attributes.new("Paint", "BYTE_COLOR", domain)
    height = [vertex.co.z for vertex in obj.data.vertices]
    if domain == "CORNER":
        height = [height[loop.vertex_index] for loop in obj.data.loops]
    for item, z in zip(attribute.data, height, strict=True):
        item.color = RED if z > 0 else BLUE


def give_texture(obj: bpy.types.Object, size: int) -> None:
    """An image, red above and blue below, that the height is the place in."""
    image = bpy.data.images.new("stripes", size, size)
    pixels = np.empty((size, size, 4), np.float32)
    encode = np.vectorize(lambda x: 12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055)
    pixels[: size // 2], pixels[size // 2 :] = (encode(np.array(c)) for c in (BLUE, RED))
    image.pixels.foreach_set(pixels.reshape(-1))
    material = bpy.data.materials.new("stripes")
    if material.node_tree is None:
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    obj.data.materials.append(material)
    layer = obj.data.uv_layers.new(name="heights")
    for loop, uv in zip(obj.data.loops, layer.data, strict=True):
        x, _, z = obj.data.vertices[loop.vertex_index].co
        uv.uv = (0.5 + 0.4 * x, 0.5 + 0.45 * z)


@pytest.mark.parametrize("count", [500, 20_000])
def test_quads_lie_on_the_surface_as_many_as_asked_for(ball: bpy.types.Object, count: int) -> None:
    quads = add_quads(ball, count)
    faces = quads.data.polygons
    assert 0.7 * count < len(faces) < 1.4 * count
    assert all(len(face.vertices) == 4 for face in faces)
    radii = np.linalg.norm(positions_of(quads), axis=1)
    assert radii.min() > 0.98 and radii.max() < 1.01
    assert all(face.normal.dot(face.center) > 0 for face in faces)


def test_quads_get_the_triangles_transform_and_provenance(ball: bpy.types.Object) -> None:
    write_provenance(ball, PROVENANCE)
    quads = add_quads(ball, 500)
    assert quads.name == quads.data.name == "ball.quads"
    assert quads.matrix_basis == ball.matrix_basis
    assert quads.users_collection == ball.users_collection
    assert quads.visible_get() and not ball.visible_get()
    assert ball.hide_render and not quads.hide_render
    assert read_provenance(quads) == PROVENANCE


def test_temporary_datablocks_are_removed(ball: bpy.types.Object) -> None:
    quads = add_quads(ball, 500)
    assert set(bpy.data.objects) == {ball, quads}
    assert set(bpy.data.meshes) == {ball.data, quads.data}
    assert len(bpy.data.scenes) == 1


@pytest.mark.parametrize("domain", ["POINT", "CORNER"])
def test_vertex_colours_are_transferred(ball: bpy.types.Object, domain: str) -> None:
    paint(ball, domain)
    quads = add_quads(ball, 2_000)
    assert_red_above_and_blue_below(quads)
    assert [m.name for m in quads.data.materials] == ["Splatsmith Surface"]


@pytest.mark.parametrize("size", [64, 2048])
def test_textures_become_vertex_colours(ball: bpy.types.Object, size: int) -> None:
    give_texture(ball, size)
    quads = add_quads(ball, 2_000)
    assert_red_above_and_blue_below(quads)
    assert [image.size[0] for image in bpy.data.images] == [size]


def test_uncoloured_mesh_keeps_its_material(ball: bpy.types.Object) -> None:
    ball.data.materials.append(bpy.data.materials.new("clay"))
    quads = add_quads(ball, 500)
    assert [m.name for m in quads.data.materials] == ["clay"]
    assert not quads.data.color_attributes


def test_surface_that_quadriflow_refuses_is_closed_first(ball: bpy.types.Object) -> None:
    # Three faces at one edge are no skin.
    shape = bmesh.new()
    shape.from_mesh(ball.data)
    shape.edges.ensure_lookup_table()
    edge = shape.edges[0]
    tip = shape.verts.new(edge.verts[0].co * 1.3)
    shape.faces.new([*edge.verts, tip])
    shape.to_mesh(ball.data)
    shape.free()
    quads = add_quads(ball, 1_000)
    assert len(quads.data.polygons) > 500
    assert all(len(face.vertices) == 4 for face in quads.data.polygons)
    assert set(bpy.data.meshes) == {ball.data, quads.data}


def test_parts_thinner_than_the_quads_are_not_lost(ball: bpy.types.Object) -> None:
    shape = bmesh.new()
    shape.from_mesh(ball.data)
    for side in (-1, 1):
        rod = bmesh.ops.create_cone(
            shape, cap_ends=True, segments=6, radius1=0.02, radius2=0.02, depth=1.5
        )
        bmesh.ops.translate(shape, verts=rod["verts"], vec=(1.9 * side, 0, 0))
    shape.to_mesh(ball.data)
    shape.free()
    quads = add_quads(ball, 20_000)
    places = positions_of(quads)
    for side in (-1, 1):
        ends = places[side * places[:, 0] > 1.5][:, 2]
        assert ends.min() < -0.7 and ends.max() > 0.7


def test_selection_is_transferred_to_the_quads(ball: bpy.types.Object) -> None:
    ball.select_set(True)
    bpy.context.view_layer.objects.active = ball
    quads = add_quads(ball, 500)
    assert bpy.context.selected_objects == [quads]
    assert bpy.context.view_layer.objects.active == quads


def test_open_sheet_becomes_quads(scene: bpy.types.Scene) -> None:
    mesh = bpy.data.meshes.new("sheet")
    shape = bmesh.new()
    bmesh.ops.create_grid(shape, x_segments=30, y_segments=30, size=0.01)
    bmesh.ops.triangulate(shape, faces=shape.faces[:])
    shape.to_mesh(mesh)
    shape.free()
    sheet = bpy.data.objects.new("sheet", mesh)
    scene.collection.objects.link(sheet)
    quads = add_quads(sheet)
    assert 500 < len(quads.data.polygons) < 1_500
    assert np.abs(positions_of(quads)[:, 2]).max() < 1e-5


def test_objects_without_faces_are_refused(scene: bpy.types.Scene, ball: bpy.types.Object) -> None:
    bare = bpy.data.objects.new("bare", bpy.data.meshes.new("bare"))
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    for obj in (bare, lamp):
        with pytest.raises(NoMesh, match="has no faces"):
            add_quads(obj)
    bpy.context.view_layer.objects.active = ball
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(NoMesh, match="Leave its Edit Mode"):
        add_quads(ball)
