from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import trimesh
from trimesh.visual.color import ColorVisuals

from splatsmith.extraction.glb import write_glb

SRGB = (255, 188, 10, 255)
LINEAR = (1.0, 0.5029, 0.00304, 1.0)


def test_vertex_colors_are_written_as_linear_floats(tmp_path: Path) -> None:
    box = trimesh.creation.box()
    box.visual = ColorVisuals(box, vertex_colors=np.tile(np.array(SRGB, np.uint8), (8, 1)))
    write_glb(tmp_path / "box.glb", box)
    tree, binary = read_glb(tmp_path / "box.glb")
    accessor = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
    assert (accessor["type"], accessor["componentType"], accessor["count"]) == ("VEC4", 5126, 8)
    start = tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
    colors = np.frombuffer(binary, "<f4", 32, start + accessor.get("byteOffset", 0))
    np.testing.assert_allclose(colors.reshape(8, 4), np.tile(LINEAR, (8, 1)), atol=1e-4)


def test_vertices_and_faces_stay_in_order(tmp_path: Path) -> None:
    box = trimesh.creation.box()
    write_glb(tmp_path / "box.glb", box)
    back = trimesh.load_mesh(tmp_path / "box.glb", process=False)
    np.testing.assert_allclose(back.vertices, box.vertices)
    np.testing.assert_array_equal(back.faces, box.faces)


def read_glb(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]
