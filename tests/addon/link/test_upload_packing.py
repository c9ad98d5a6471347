"""Splat files in several files, as one upload."""

from __future__ import annotations

import base64
import json
import struct
import zipfile
from pathlib import Path

import pytest

from blender_addon.contract.problems import UnreadableCloud
from blender_addon.link.upload_packing import packed

pytestmark = pytest.mark.once


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "packed").mkdir()
    return tmp_path / "packed"


def test_other_files_are_uploaded_as_they_are(tmp_path: Path, target: Path) -> None:
    (tmp_path / "a.spz").write_bytes(b"NGSP")
    assert packed(tmp_path / "a.spz", target) == tmp_path / "a.spz"


def test_a_sog_folder_becomes_a_bundle(tmp_path: Path, target: Path) -> None:
    meta = {"means": {"files": ["l.webp", "u.webp"]}, "sh0": {"files": ["l.webp"]}, "count": 3}
    (tmp_path / "META.json").write_text(json.dumps(meta), encoding="utf-8")
    for name in ("l.webp", "u.webp"):
        (tmp_path / name).write_bytes(name.encode())
    with zipfile.ZipFile(packed(tmp_path / "META.json", target)) as archive:
        assert sorted(archive.namelist()) == ["l.webp", "meta.json", "u.webp"]
        assert archive.read("u.webp") == b"u.webp"


def test_a_gltf_with_buffers_becomes_a_glb(tmp_path: Path, target: Path) -> None:
    inline = base64.b64encode(b"12345").decode()
    document = {
        "buffers": [
            {"uri": f"data:application/octet-stream;base64,{inline}", "byteLength": 5},
            {"uri": "the%20rest.bin", "byteLength": 3},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 1, "byteLength": 2},
            {"buffer": 1, "byteLength": 3},
        ],
    }
    (tmp_path / "a.gltf").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "the rest.bin").write_bytes(b"abc")
    data = packed(tmp_path / "a.gltf", target).read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    found = json.loads(data[20 : 20 + size])
    binary = data[20 + size + 8 :]
    assert found["buffers"] == [{"byteLength": len(binary)}] and len(binary) % 4 == 0
    views = [
        binary[view.get("byteOffset", 0) :][: view["byteLength"]] for view in found["bufferViews"]
    ]
    assert views == [b"23", b"abc"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.gltf", b"{", "damaged"),
        ("a.gltf", b"[]", "damaged"),
        ("a.gltf", b'{"buffers": [{"uri": "lost.bin"}]}', "needs the file lost.bin"),
        ("a.gltf", b'{"buffers": [{"uri": "data:,!"}]}', "damaged buffer"),
        ("a.gltf", b'{"bufferViews": [{"buffer": 2}]}', "a buffer that it lacks"),
        ("meta.json", b'{"means": {"files": ["lost.webp"]}}', "needs the file lost.webp"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, target: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableCloud, match=sentence):
        packed(tmp_path / name, target)
