from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.scene.mesh import UnreadableMesh, add_mesh

Photograph = Callable[[tuple[float, float, float]], np.ndarray]
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


def test_mesh_arrives_alone_named_and_with_its_transform_baked_in(
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


def test_vertex_colours_are_seen(
    scene: bpy.types.Scene, panel_glb: Path, photograph: Photograph
) -> None:
    obj = add_mesh(panel_glb, "panel", scene.collection)
    assert [m.name for m in bpy.data.materials] == [obj.data.materials[0].name]
    middle = photograph((0, 0, 3))[32, 32]
    np.testing.assert_allclose(middle[:3] / middle[0], np.array(COLOR[:3]) / COLOR[0], atol=0.08)


def test_the_importers_mode_and_name_clashes_do_no_harm(
    scene: bpy.types.Scene, panel_glb: Path
) -> None:
    first, second = (add_mesh(panel_glb, "panel", scene.collection) for _ in range(2))
    assert (first.name, second.name) == ("panel", "panel.001")
    assert len(bpy.data.materials) == 1


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
