"""glTF and USD files as others make them: with nodes, transforms and other encodings."""

# pyright: reportAttributeAccessIssue=false
# usd-core has no types.

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.problems import UnreadableCloud
from splatsmith.contract.splat_formats import SplatFormat
from splatsmith.contract.transform import apply_affine
from splatsmith.formats import read_splats, write_splats
from splatsmith.formats.gltf import EXTENSION
from tests.backend.formats.comparison import STEPS, deviation
from tests.backend.gaussians.clouds import joined, random_cloud

MATRIX = np.array([[0, -2, 0, 1], [2, 0, 0, -3], [0, 0, 2, 0.5], [0, 0, 0, 1]], np.float64)


def as_json(cloud: GaussianCloud, folder: Path) -> dict[str, Any]:
    """A written file's JSON, with its buffer as a data URI."""
    path = folder / "plain.glb"
    write_splats(path, [cloud], SplatFormat.GLTF)
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    gltf = json.loads(content[20 : 20 + length])
    uri = base64.b64encode(content[28 + length :]).decode()
    gltf["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{uri}"
    return gltf


def write_json(folder: Path, gltf: dict[str, Any]) -> Path:
    path = folder / "scene.gltf"
    path.write_text(json.dumps(gltf))
    return path


def test_the_fallback_is_points_with_linear_colors(tmp_path: Path) -> None:
    cloud = random_cloud(40)
    gltf = as_json(cloud, tmp_path)
    primitive = gltf["meshes"][0]["primitives"][0]
    accessor = gltf["accessors"][primitive["attributes"]["COLOR_0"]]
    view = gltf["bufferViews"][accessor["bufferView"]]
    data = base64.b64decode(gltf["buffers"][0]["uri"].partition(",")[2])[view["byteOffset"] :]
    stored = np.frombuffer(data, "<u2", 160).reshape(40, 4) / 65535

    assert primitive["mode"] == 0
    assert gltf["extensionsUsed"] == [EXTENSION]
    assert "extensionsRequired" not in gltf  # viewers without it are to show the points
    srgb = np.where(stored <= 0.0031308, 12.92 * stored, 1.055 * stored ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(srgb[:, :3], cloud.colors, atol=1e-3)
    np.testing.assert_allclose(stored[:, 3], cloud.opacities, atol=1e-4)


def test_gltf_nodes_place_their_gaussians(tmp_path: Path) -> None:
    cloud = random_cloud(60, 2)
    gltf = as_json(cloud, tmp_path)
    gltf["nodes"] = [
        {"children": [1, 2]},
        {"mesh": 0},
        {"matrix": MATRIX.T.ravel().tolist(), "children": [3]},
        {"mesh": 0, "translation": [1, 0, 0], "scale": [2, 2, 2]},
    ]
    child = np.diag([2.0, 2, 2, 1])
    child[0, 3] = 1

    read = read_splats(write_json(tmp_path, gltf)).cloud

    expected = joined(cloud, apply_affine(cloud, MATRIX @ child))
    assert deviation(expected, read).within(STEPS[SplatFormat.GLTF])


def test_reads_quantized_attributes(tmp_path: Path) -> None:
    cloud = random_cloud(30)
    gltf = as_json(cloud, tmp_path)
    stored = np.rint(cloud.opacities * 255).astype(np.uint8)
    gltf["buffers"].append(
        {"byteLength": 120, "uri": "data:;base64," + base64.b64encode(stored.tobytes()).decode()}
    )
    gltf["bufferViews"].append({"buffer": 1, "byteLength": 30})
    attributes = gltf["meshes"][0]["primitives"][0]["attributes"]
    gltf["accessors"][attributes[f"{EXTENSION}:OPACITY"]] |= {
        "bufferView": len(gltf["bufferViews"]) - 1,
        "componentType": 5121,
        "normalized": True,
    }

    read = read_splats(write_json(tmp_path, gltf)).cloud

    np.testing.assert_allclose(read.opacities, cloud.opacities, atol=0.51 / 255)


def test_linear_colors_become_srgb(tmp_path: Path) -> None:
    cloud = random_cloud(30)
    gltf = as_json(cloud, tmp_path)
    gltf["meshes"][0]["primitives"][0]["extensions"][EXTENSION]["colorSpace"] = "lin_rec709_display"

    loaded = read_splats(write_json(tmp_path, gltf))

    linear = cloud.colors.astype(np.float64)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(loaded.cloud.colors, np.clip(srgb, 0, 1), atol=1e-5)
    assert "linear" in loaded.notes[0]


def change(gltf: dict[str, Any], path: str, value: object) -> None:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    target: Any = gltf
    for part in parents:
        target = target[part]
    target[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("nodes/0", {"mesh": 0, "children": [0]}),
        ("nodes/0", {"mesh": 7}),
        ("nodes/0", {"mesh": 0, "matrix": [1, 2]}),
        ("accessors/0/count", 10**12),
        ("accessors/0/count", -4),
        ("accessors/0/bufferView", 99),
        ("accessors/0/sparse", {}),
        ("accessors/2/type", "MAT4"),
        ("bufferViews/0/byteOffset", 10**9),
        ("bufferViews/0/extensions", {"EXT_meshopt_compression": {}}),
        ("buffers/0/uri", "../other.bin"),
        ("buffers/0/uri", "/etc/hostname"),
        ("buffers/0/uri", "https://example.org/a.bin"),
        ("buffers/0/uri", "data:;base64,!"),
        ("meshes/0/primitives/0/attributes", {"POSITION": 0}),
        ("meshes/0/primitives/0/extensions/KHR_gaussian_splatting/kernel", "cube"),
        ("meshes/0/primitives/0/extensions", {}),
        ("scenes/0/nodes", [5]),
    ],
)
def test_refuses_other_gltf_files(tmp_path: Path, path: str, value: object) -> None:
    gltf = as_json(random_cloud(30, 1), tmp_path)
    change(gltf, path, value)
    with pytest.raises(UnreadableCloud) as caught:
        read_splats(write_json(tmp_path, gltf))
    assert caught.value.remedy


def test_many_uses_of_few_bytes_are_refused(tmp_path: Path) -> None:
    gltf = as_json(random_cloud(30_000), tmp_path)
    gltf["nodes"] = [{"mesh": 0} for _ in range(20_000)]
    gltf["scenes"] = [{"nodes": list(range(20_000))}]
    with pytest.raises(UnreadableCloud):
        read_splats(write_json(tmp_path, gltf))


def test_usd_transforms_place_their_gaussians(tmp_path: Path) -> None:
    cloud = random_cloud(60, 3)
    path = tmp_path / "placed.usdc"
    write_splats(path, [cloud], SplatFormat.USD)
    stage = Usd.Stage.Open(str(path))
    prim = UsdGeom.Xformable(stage.GetPrimAtPath("/Splats"))
    prim.AddTransformOp().Set(Gf.Matrix4d(*MATRIX.T.ravel().tolist()))
    stage.Save()
    del stage, prim

    read = read_splats(path).cloud

    assert deviation(apply_affine(cloud, MATRIX), read).within(STEPS[SplatFormat.USD])


def test_usd_with_references_is_refused(tmp_path: Path) -> None:
    write_splats(tmp_path / "other.usdc", [random_cloud(5)], SplatFormat.USD)
    path = tmp_path / "scene.usda"
    path.write_text('#usda 1.0\ndef "a" (references = @./other.usdc@</Splats>)\n{\n}\n')
    with pytest.raises(UnreadableCloud, match="refers to other"):
        read_splats(path)


def test_usd_without_splats_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mesh.usda"
    path.write_text('#usda 1.0\ndef Mesh "a"\n{\n}\n')
    with pytest.raises(UnreadableCloud, match="without Gaussian splats"):
        read_splats(path)
