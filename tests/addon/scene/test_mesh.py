from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.scene.mesh import UnreadableMesh, add_mesh

RenderFrontView = Callable[[tuple[float, float, float]], np.ndarray]
COLOR = (0.6, 0.3, 0.05, 1.0)  # linear


def write_glb(path: Path, tree: dict, binary: bytes) -> Path:
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    size = 28 + len(text) + len(binary)
    header = struct.pack("<4sIIII", b"glTF", 2, size, len(text), 0x4E4F534A)
    path.write_bytes(header + text + struct.pack("<II", len(binary), 0x004E4942) + binary)
    return path


@pytest.fixture
def panel_glb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square panel facing +Z, 2 x 2, its middle at (0, 0, 1), under a node that lifts it by 3."""
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], np.float32)
    faces = np.array([0, 1, 2, 0, 2, 3], np.uint32)
    colors = np.tile(np.array(COLOR, np.float32), (4, 1))
    parts = [corners.tobytes(), faces.tobytes(), colors.tobytes()]
    starts = [0, len(parts[0]), len(parts[0]) + len(parts[1])]
    bounds = {"min": [-1, -1, 1], "max": [1, 1, 1]}
    primitive = {"attributes": {"POSITION": 0, "COLOR_0": 2}, "indices": 1}
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "world", "children": [1], "translation": [0, 3, 0]}, {"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", **bounds},
            {"bufferView": 1, "componentType": 5125, "count": 6, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC4"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(part)}
            for start, part in zip(starts, parts, strict=True)
        ],
        "buffers": [{"byteLength": sum(map(len, parts))}],
    }
    return write_glb(tmp_path_factory.mktemp("glb") / "panel.glb", tree, b"".join(parts))


def test_mesh_is_imported_alone_with_its_transform_applied(
    scene: bpy.types.Scene, panel_glb: Path
) -> None:
    collection = bpy.data.collections.new("asset")
    scene.collection.children.link(collection)
    obj = add_mesh(panel_glb, "a 'chair'.mesh", collection)
    assert list(bpy.data.objects) == [obj]
    assert list(obj.users_collection) == [collection]
    assert obj.name == obj.data.name == "a 'chair'.mesh"
    assert obj.parent is None
    assert obj.matrix_basis == obj.matrix_basis.Identity(4)
    corners = sorted(tuple(round(x, 5) for x in v.co) for v in obj.data.vertices)
    assert corners == [(-1, -1, 2), (-1, -1, 4), (1, -1, 2), (1, -1, 4)]
    assert all(polygon.normal.y < -0.99 for polygon in obj.data.polygons)


def test_selection_of_the_user_is_kept(scene: bpy.types.Scene, panel_glb: Path) -> None:
    objects = [bpy.data.objects.new(name, None) for name in ("selected", "active", "other")]
    for obj in objects:
        scene.collection.objects.link(obj)
    for obj in objects[:2]:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[1]
    add_mesh(panel_glb, "panel", scene.collection)
    assert set(bpy.context.selected_objects) == set(objects[:2])
    assert bpy.context.view_layer.objects.active == objects[1]


def test_vertex_colours_are_rendered(
    scene: bpy.types.Scene, panel_glb: Path, render_front_view: RenderFrontView
) -> None:
    obj = add_mesh(panel_glb, "panel", scene.collection)
    assert [m.name for m in bpy.data.materials] == [obj.data.materials[0].name]
    middle = render_front_view((0, 0, 3))[32, 32]
    np.testing.assert_allclose(middle[:3] / middle[0], np.array(COLOR[:3]) / COLOR[0], atol=0.08)


def test_second_import_gets_a_new_name_and_shares_the_material(
    scene: bpy.types.Scene, panel_glb: Path
) -> None:
    first, second = (add_mesh(panel_glb, "panel", scene.collection) for _ in range(2))
    assert (first.name, second.name) == ("panel", "panel.001")
    assert len(bpy.data.materials) == 1


@pytest.fixture
def textured_glb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The panel's square, in two halves with a texture each of their own side; a camera beside."""
    xs = np.array([-1, 0, 0, 1], np.float32)  # the middle twice: a seam
    corners = np.array([[x, y, 1] for x in xs for y in (-1, 1)], np.float32)
    faces = np.array([[0, 2, 3], [0, 3, 1], [4, 6, 7], [4, 7, 5]], np.uint32)
    uvs = np.array([[u, v] for u in (0, 0.25, 0.75, 1) for v in (1, 0)], np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (8, 1))
    image = two_colors_png()
    parts = [a.tobytes() for a in (corners, faces, uvs, normals)] + [image]
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    bounds = {"min": [-1, -1, 1], "max": [1, 1, 1]}
    attributes = {"POSITION": 0, "TEXCOORD_0": 2, "NORMAL": 3}
    look = {"baseColorTexture": {"index": 0}, "metallicFactor": 0, "roughnessFactor": 1}
    kinds = [(5126, 8, "VEC3"), (5125, 12, "SCALAR"), (5126, 8, "VEC2"), (5126, 8, "VEC3")]
    accessors = [
        {"bufferView": i, "componentType": kind, "count": count, "type": shape}
        for i, (kind, count, shape) in enumerate(kinds)
    ]
    accessors[0] |= bounds
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [{"mesh": 0}, {"camera": 0}],
        "cameras": [{"type": "perspective", "perspective": {"yfov": 0.7, "znear": 0.1}}],
        "meshes": [
            {"primitives": [{"attributes": attributes, "indices": 1, "material": 0}]},
        ],
        "materials": [{"pbrMetallicRoughness": look}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 4, "mimeType": "image/png"}],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(part)}
            for start, part in zip(starts, parts, strict=False)
        ],
        "buffers": [{"byteLength": starts[-1]}],
    }
    return write_glb(tmp_path_factory.mktemp("glb") / "textured.glb", tree, b"".join(parts))


def two_colors_png() -> bytes:
    """8 x 8 pixels, red on the left, blue on the right."""
    row = b"\0" + bytes((200, 30, 30)) * 4 + bytes((30, 30, 200)) * 4
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 8)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_texture_is_packed_and_named_and_nothing_else_is_imported(
    scene: bpy.types.Scene, textured_glb: Path
) -> None:
    obj = add_mesh(textured_glb, "a 'chair'.mesh", scene.collection)
    (image,), (material,) = bpy.data.images, bpy.data.materials
    assert image.packed_file is not None
    assert image.name == material.name == "a 'chair'.mesh"
    assert list(obj.data.materials) == [material]
    assert list(bpy.data.objects) == [obj] and not bpy.data.cameras
    assert not bpy.data.collections and not bpy.data.node_groups


def test_vertices_along_uv_seams_are_merged(scene: bpy.types.Scene, textured_glb: Path) -> None:
    mesh = add_mesh(textured_glb, "panel", scene.collection).data
    assert len(mesh.vertices) == 6 and len(mesh.polygons) == 4
    assert mesh.has_custom_normals


def test_solid_shading_gets_the_texture_and_its_mean_colour(
    scene: bpy.types.Scene, textured_glb: Path
) -> None:
    (material,) = add_mesh(textured_glb, "panel", scene.collection).data.materials
    assert material.node_tree.nodes.active.image == bpy.data.images["panel"]
    red, green, blue, alpha = material.diffuse_color
    assert red == pytest.approx(blue, abs=0.01) and red > 10 * green and alpha == 1


def test_texture_is_rendered(
    scene: bpy.types.Scene, textured_glb: Path, render_front_view: RenderFrontView
) -> None:
    add_mesh(textured_glb, "panel", scene.collection)
    picture = render_front_view((0, 0, 0))
    left, right = picture[32, 20, :3], picture[32, 44, :3]
    assert left[0] > 5 * left[2] and right[2] > 5 * right[0]


@pytest.mark.parametrize("content", [b"", b"hello", b"glTF\x02\0\0\0"])
def test_a_file_that_is_no_glb_is_refused(
    scene: bpy.types.Scene, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("bad") / "bad.glb"
    file.write_bytes(content)
    with pytest.raises(UnreadableMesh, match=r"bad\.glb"):
        add_mesh(file, "bad", scene.collection)
    assert not bpy.data.objects


def test_a_cut_off_glb_is_refused(scene: bpy.types.Scene, panel_glb: Path) -> None:
    panel_glb.write_bytes(panel_glb.read_bytes()[:-20])
    with pytest.raises(UnreadableMesh):
        add_mesh(panel_glb, "bad", scene.collection)
    assert not bpy.data.objects


def test_a_glb_without_mesh_is_refused(
    scene: bpy.types.Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{}]}
    file = write_glb(tmp_path_factory.mktemp("bare") / "bare.glb", tree, b"\0" * 4)
    with pytest.raises(UnreadableMesh, match="no mesh"):
        add_mesh(file, "bare", scene.collection)
    assert not bpy.data.objects


def test_a_mesh_is_imported_while_a_linked_collection_is_active(
    scene: bpy.types.Scene, panel_glb: Path, tmp_path: Path
) -> None:
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {bpy.data.collections.new("theirs")})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, found):
        found.collections = ["theirs"]
    scene, layer = bpy.context.scene, bpy.context.view_layer
    scene.collection.children.link(found.collections[0])
    active = layer.active_layer_collection = layer.layer_collection.children["theirs"]
    mesh = add_mesh(panel_glb, "panel", scene.collection)
    assert list(mesh.users_collection) == [scene.collection]
    assert layer.active_layer_collection == active
