"""Files of other programs, and other programs' files beside them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud, write_cloud
from blender_addon.contract.points import PointCloud, read_points, write_points
from blender_addon.contract.problems import UnreadableCloud
from blender_addon.contract.protocol import Product
from blender_addon.importing.files import find_files
from blender_addon.scene.mesh import add_mesh
from blender_addon.scene.point_data import read_attributes
from blender_addon.scene.points import add_points

OURS = {"request": {"prompt": "a cup", "engine": "sprout"}, "files": ["splats.ply", "job.json"]}


@pytest.fixture
def scan(tmp_path: Path, balls: Callable[..., GaussianCloud]) -> Path:
    write_cloud(tmp_path / "scan.ply", balls((0, 0, 0, 1)))
    return tmp_path / "scan.ply"


@pytest.mark.once
@pytest.mark.parametrize(
    "text", ["[1, 2, 3]", "{not json", "3", '{"request": {}}', json.dumps(OURS)]
)
def test_a_record_of_something_else_is_not_taken(scan: Path, text: str) -> None:
    (scan.parent / "job.json").write_text(text, encoding="utf-8")
    found = find_files(scan)
    assert (found.title, found.provenance.engine) == ("scan", "")


@pytest.mark.once
def test_our_record_is_taken_for_what_it_lists(scan: Path) -> None:
    (scan.parent / "job.json").write_text(json.dumps(OURS), encoding="utf-8")
    splats = scan.rename(scan.parent / "splats.ply")
    for source in (splats, scan.parent):
        assert find_files(source).title == "a cup"
        assert find_files(source).provenance.engine == "sprout"


@pytest.mark.once
def test_a_record_with_licences_of_another_form_is_not_taken(scan: Path) -> None:
    record = {**OURS, "files": ["scan.ply"], "licences": ["MIT"]}
    (scan.parent / "job.json").write_text(json.dumps(record), encoding="utf-8")
    assert find_files(scan).title == "scan"


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are text")
def test_a_name_that_is_not_utf_8_is_cleaned(scan: Path) -> None:
    bad = scan.rename(scan.parent / os.fsdecode(b"caf\xe9.ply"))
    assert find_files(bad).title == "caf\N{REPLACEMENT CHARACTER}"


def test_points_without_normals_or_colors_are_imported(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    positions = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    points = PointCloud(positions, np.full((2, 3), 255, np.uint8), np.empty((0, 3), np.float32))
    write_points(tmp_path / "survey.ply", points)
    assert list(find_files(tmp_path / "survey.ply").paths) == [Product.POINTS]
    obj = add_points(read_points(tmp_path / "survey.ply"), "survey", scene.collection)
    found = read_attributes(obj.data)
    np.testing.assert_allclose(found["position"], positions[:, [0, 2, 1]] * (1, -1, 1))
    assert "normal" not in found


@pytest.mark.once
def test_a_mesh_is_told_from_points(tmp_path: Path) -> None:
    lines = ["ply", "format ascii 1.0", "element vertex 1", *(f"property float {a}" for a in "xyz")]
    lines += ["element face 1", "property list uchar int i", "end_header", "0 0 0", "3 0 0 0", ""]
    (tmp_path / "mesh.ply").write_text("\n".join(lines), encoding="ascii")
    with pytest.raises(UnreadableCloud, match="holds a mesh"):
        read_points(tmp_path / "mesh.ply")


def test_a_mesh_from_far_away_keeps_its_shape(scene: bpy.types.Scene, tmp_path: Path) -> None:
    obj = add_mesh(far_triangle(tmp_path / "far.glb"), "far", scene.collection)
    edges = np.ptp([vertex.co[:] for vertex in obj.data.vertices], axis=0)
    np.testing.assert_allclose(edges, [0.01, 0, 0.01], atol=1e-6)
    assert tuple(obj.location) == (0, 0, 0)
    assert tuple(obj["origin"]) == (500_123.0, 12.0, -4_649_776.0)


def far_triangle(path: Path) -> Path:
    """A triangle of a centimetre, under a node as Splatsmith writes it for far clouds."""
    origin = [500_123.0, 12.0, -4_649_776.0]
    corners = np.array([[0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]], np.float32).tobytes()
    bounds = {"min": [0, 0, 0], "max": [0.01, 0.01, 0]}
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": origin, "extras": {"origin": origin}}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"} | bounds
        ],
        "bufferViews": [{"buffer": 0, "byteLength": len(corners)}],
        "buffers": [{"byteLength": len(corners)}],
    }
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    header = struct.pack(
        "<4sIIII", b"glTF", 2, 28 + len(text) + len(corners), len(text), 0x4E4F534A
    )
    path.write_bytes(header + text + struct.pack("<II", len(corners), 0x004E4942) + corners)
    return path
