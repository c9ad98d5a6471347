from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from PIL import Image

from splatsmith.contract.problems import UnreadableCloud
from splatsmith.contract.splat_formats import TRAITS, SplatFormat
from splatsmith.formats import read_splats, write_splats
from splatsmith.formats.spz import HEADER as SPZ_HEADER
from tests.backend.gaussians.clouds import random_cloud

MOST_MEMORY = 200 * 2**20  # bytes, while a bad file is refused
OTHERS = [each for each in SplatFormat if each is not SplatFormat.PLY]


def written(folder: Path, kind: SplatFormat, degree: int = 1) -> Path:
    path = folder / f"splats{TRAITS[kind].suffixes[0]}"
    write_splats(path, [random_cloud(300, degree)], kind)
    return path


def refuse(path: Path, kind: SplatFormat | None = None) -> str:
    """The message with which `path` is refused, in little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableCloud) as caught:
            read_splats(path, format=kind)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert path.name in caught.value.detail or path.stem in caught.value.detail
    assert caught.value.remedy
    return caught.value.detail


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("share", [0.999, 0.6, 0.1])
def test_refuses_what_is_cut_off(tmp_path: Path, kind: SplatFormat, share: float) -> None:
    path = written(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: max(int(share * len(content)), 5) | 1])  # .splat has no end to miss
    refuse(path, kind)


@pytest.mark.parametrize("kind", OTHERS)
def test_refuses_garbage(tmp_path: Path, kind: SplatFormat) -> None:
    path = tmp_path / f"garbage{TRAITS[kind].suffixes[0]}"
    path.write_bytes(random.Random(0).randbytes(10_001))
    refuse(path)
    refuse(path, kind)


@pytest.mark.parametrize("kind", OTHERS)
def test_damaged_bytes_are_read_or_refused_but_never_more(
    tmp_path: Path, kind: SplatFormat
) -> None:
    path = written(tmp_path, kind)
    content = path.read_bytes()
    for seed in range(4 if kind is SplatFormat.USD else 40):  # it starts a process each time
        chance = random.Random(seed)
        damaged = bytearray(content)
        for _ in range(6):
            damaged[chance.randrange(min(len(damaged), 600 if seed % 2 else len(damaged)))] ^= (
                1 << chance.randrange(8)
            )
        path.write_bytes(damaged)
        try:
            read_splats(path, format=kind)
        except UnreadableCloud as error:
            assert error.remedy


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"PK\3\4", b"NGSP", b"glTF", b"ply\n", b"#usda 1.0"]
)
def test_refuses_what_has_only_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "begun.bin"
    path.write_bytes(content)
    refuse(path)


def test_names_the_formats_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no splats")
    assert "not a splat file" in refuse(path)


def test_refuses_a_gzip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.spz"
    header = SPZ_HEADER.pack(b"NGSP", 3, 100_000_000, 3, 12, 0, 0)
    path.write_bytes(gzip.compress(header + bytes(50_000_000)))
    assert "would unpack" in refuse(path)


def test_refuses_a_zstd_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.spz"
    count = 4_000_000
    streams = [zstandard.compress(bytes(count * size)) for size in (9, 1, 3, 3, 4)]
    header = SPZ_HEADER.pack(b"NGSP", 4, count, 0, 12, 0, 5) + struct.pack("<I12x", 32)
    sizes = zip(streams, (9, 1, 3, 3, 4), strict=True)
    table = b"".join(struct.pack("<QQ", len(data), count * size) for data, size in sizes)
    path.write_bytes(header + table + b"".join(streams))
    assert "would unpack" in refuse(path)


def test_a_zstd_stream_ends_where_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "longer.spz"
    streams = [zstandard.compress(bytes(200_000_000))] * 5
    header = SPZ_HEADER.pack(b"NGSP", 4, 10, 0, 12, 0, 5) + struct.pack("<I12x", 32)
    table = b"".join(struct.pack("<QQ", len(streams[0]), 10 * size) for size in (9, 1, 3, 3, 4))
    path.write_bytes(header + table + b"".join(streams))
    tracemalloc.start()
    assert len(read_splats(path).cloud) == 10
    assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    tracemalloc.stop()


@pytest.mark.parametrize("version", [0, 5, 99])
def test_refuses_other_versions_of_spz(tmp_path: Path, version: int) -> None:
    path = tmp_path / "other.spz"
    path.write_bytes(gzip.compress(SPZ_HEADER.pack(b"NGSP", version, 5, 0, 12, 0, 0) + bytes(100)))
    assert f"version {version}" in refuse(path)


def rewrite_bundle(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_refuses_a_zip_bomb(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.SOG)
    rewrite_bundle(path, lambda files: files.update({"means_l.webp": bytes(100_000_000)}))
    assert "would unpack" in refuse(path)


def test_refuses_an_image_bomb(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.SOG)
    buffer = io.BytesIO()
    Image.new("RGB", (12_000, 12_000)).save(buffer, "WEBP", lossless=True, method=0)
    rewrite_bundle(path, lambda files: files.update({"quats.webp": buffer.getvalue()}))
    assert "would unpack" in refuse(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 10**9),
        ("count", -1),
        ("count", "many"),
        ("count", 5000),  # more than the images have
        ("version", 3),
        ("means", {"mins": [0, 0], "maxs": [1, 1, 1], "files": ["a", "b"]}),
        ("quats", {"files": ["../quats.webp"]}),
        ("scales", {"codebook": [], "files": ["scales.webp"]}),
    ],
)
def test_refuses_impossible_descriptions(tmp_path: Path, name: str, value: object) -> None:
    path = written(tmp_path, SplatFormat.SOG)

    def change(files: dict[str, bytes]) -> None:
        files["meta.json"] = json.dumps(json.loads(files["meta.json"]) | {name: value}).encode()

    rewrite_bundle(path, change)
    refuse(path)


def test_a_folder_names_only_its_own_files(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.SOG)
    folder = tmp_path / "unpacked" / "asset"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (folder / "quats.webp").rename(folder.parent / "quats.webp")
    meta = json.loads((folder / "meta.json").read_text())
    assert "quats.webp" in refuse(folder)
    meta["quats"]["files"] = ["../quats.webp"]
    (folder / "meta.json").write_text(json.dumps(meta))
    assert "quats.webp" in refuse(folder / "meta.json")


def test_a_folder_is_read_as_its_bundle(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.SOG)
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    bundle = read_splats(path).cloud
    for each in (folder, folder / "meta.json"):
        np.testing.assert_array_equal(read_splats(each).cloud.means, bundle.means)


def test_refuses_a_section_that_is_larger_than_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.KSPLAT)
    content = bytearray(path.read_bytes())
    content[16:20] = content[12:16] = struct.pack("<I", 2**31)
    content[4096:4104] = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(content)
    refuse(path)


def test_refuses_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.COMPRESSED_PLY)
    content = path.read_bytes().replace(b"element vertex 300", b"element vertex 900000000")
    path.write_bytes(content)
    refuse(path)


def test_refuses_lists_in_a_compressed_file(tmp_path: Path) -> None:
    path = written(tmp_path, SplatFormat.COMPRESSED_PLY)
    header = b"element face 9\nproperty list uchar int vertex_indices\nend_header"
    path.write_bytes(path.read_bytes().replace(b"end_header", header))
    assert "lists" in refuse(path)


def test_gaussians_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "some.splat"
    rows = np.frombuffer(written(tmp_path, SplatFormat.SPLAT).read_bytes(), "<f4").copy()
    rows.reshape(-1, 8)[:7, 1] = np.nan
    rows.tofile(path)

    loaded = read_splats(path)

    assert len(loaded.cloud) == 293
    assert "7 of 300" in loaded.notes[0]


def test_too_many_gaussians_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.splat"
    rows = np.frombuffer(written(tmp_path, SplatFormat.SPLAT).read_bytes(), "<f4").copy()
    rows.reshape(-1, 8)[:100, 1] = np.inf
    rows.tofile(path)
    assert "100" in refuse(path, SplatFormat.SPLAT)


def test_harmonics_that_are_no_numbers_are_0(tmp_path: Path) -> None:
    cloud = random_cloud(50, 1)
    path = tmp_path / "harmonics.glb"
    write_splats(path, [cloud], SplatFormat.GLTF)
    last = np.frombuffer(path.read_bytes()[-12:], "<f4")
    path.write_bytes(path.read_bytes()[:-12] + np.full_like(last, np.nan).tobytes())

    loaded = read_splats(path)

    assert not loaded.cloud.shN[-1, -1].any()
    np.testing.assert_array_equal(loaded.cloud.shN[:-1], cloud.shN[:-1])
    assert "1 Gaussians" in loaded.notes[0]
