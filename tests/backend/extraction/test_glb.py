"""GLB files, read back."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual.color import ColorVisuals
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from splatsmith.extraction.glb import write_glb

SRGB = (255, 188, 10, 255)
LINEAR = (1.0, 0.5029, 0.00304, 1.0)
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
PIXELS = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)


def colored_box() -> trimesh.Trimesh:
    box = trimesh.creation.box()
    box.visual = ColorVisuals(box, vertex_colors=np.tile(np.array(SRGB, np.uint8), (8, 1)))
    return box


def textured_square() -> trimesh.Trimesh:
    """Its lower left corner shows the image's lower left pixel: v runs upwards."""
    material = PBRMaterial()
    material.baseColorTexture = Image.fromarray(PIXELS)
    return trimesh.Trimesh(
        vertices=CORNERS,
        faces=np.array([[0, 1, 2], [0, 2, 3]]),
        vertex_normals=np.tile([[0, 0.6, 0.8]], (4, 1)),
        visual=TextureVisuals(uv=CORNERS[:, :2], material=material),
        process=False,
    )


def test_vertex_colors_are_written_as_linear_floats(tmp_path: Path) -> None:
    write_glb(tmp_path / "box.glb", colored_box())
    tree, binary = read_glb(tmp_path / "box.glb")
    np.testing.assert_allclose(
        attribute(tree, binary, "COLOR_0"), np.tile(LINEAR, (8, 1)), atol=1e-4
    )


@pytest.mark.parametrize("mesh", [colored_box(), textured_square()], ids=["colors", "texture"])
def test_vertices_faces_and_normals_are_read_back(mesh: trimesh.Trimesh, tmp_path: Path) -> None:
    write_glb(tmp_path / "mesh.glb", mesh)
    tree, binary = read_glb(tmp_path / "mesh.glb")
    back = trimesh.load_mesh(tmp_path / "mesh.glb", process=False)
    np.testing.assert_allclose(back.vertices, mesh.vertices)
    np.testing.assert_array_equal(back.faces, mesh.faces)
    np.testing.assert_allclose(
        attribute(tree, binary, "NORMAL"), mesh.vertex_normals, rtol=0, atol=1e-6
    )


def test_the_texture_is_the_base_colour_of_a_rough_material(tmp_path: Path) -> None:
    write_glb(tmp_path / "square.glb", textured_square())
    tree, binary = read_glb(tmp_path / "square.glb")
    (material,) = tree["materials"]
    assert material["pbrMetallicRoughness"] == {
        "metallicFactor": 0,
        "roughnessFactor": 1,
        "baseColorTexture": {"index": 0},
    }
    view = tree["bufferViews"][tree["images"][tree["textures"][0]["source"]]["bufferView"]]
    png = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), PIXELS)


def test_texture_coordinates_run_downwards_in_the_file(tmp_path: Path) -> None:
    write_glb(tmp_path / "square.glb", textured_square())
    tree, binary = read_glb(tmp_path / "square.glb")
    np.testing.assert_allclose(
        attribute(tree, binary, "TEXCOORD_0"), [[0, 1], [1, 1], [1, 0], [0, 0]]
    )
    back = trimesh.load_mesh(tmp_path / "square.glb", process=False)
    assert isinstance(back.visual, TextureVisuals)
    np.testing.assert_allclose(back.visual.uv, CORNERS[:, :2])


def test_the_container_is_valid(tmp_path: Path) -> None:
    write_glb(tmp_path / "square.glb", textured_square())
    data = (tmp_path / "square.glb").read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    tree, binary = read_glb(tmp_path / "square.glb")
    assert tree["buffers"] == [{"byteLength": len(binary)}]
    assert all(view["byteOffset"] % 4 == 0 for view in tree["bufferViews"])


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "box.glb").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_glb(tmp_path / "box.glb", colored_box())
    assert [path.name for path in tmp_path.iterdir()] == ["box.glb"]


def read_glb(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def attribute(tree: dict, binary: bytes, name: str) -> np.ndarray:
    accessor = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"][name]]
    assert accessor["componentType"] == 5126
    width = int(accessor["type"][-1])
    start = tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
    values = np.frombuffer(binary, "<f4", accessor["count"] * width, start)
    return values.reshape(-1, width)
