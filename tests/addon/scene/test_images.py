"""Pictures of every kind that Blender shows, as files for the backend."""

from __future__ import annotations

import struct
from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.contract.problems import InvalidRequest
from blender_addon.scene.images import picture_name, read_picture

WIDTH, HEIGHT = 6, 4
COLOR = (0.8, 0.4, 0.2, 1.0)  # as it is shown
LINEAR = (0.603827, 0.132868, 0.033105, 1.0)

pytestmark = pytest.mark.usefixtures("scene")


def shown(content: bytes, folder: Path) -> NDArray[np.float32]:
    """The pixels [H, W, 4] of a file's content, top row first."""
    assert content.startswith((b"\x89PNG", b"II*"))
    file = folder / "received.png"
    file.write_bytes(content)
    image = bpy.data.images.load(str(file))
    pixels = np.empty((image.size[1], image.size[0], 4), np.float32)
    image.pixels.foreach_get(pixels.reshape(-1))
    return pixels[::-1]


def painted(color: tuple[float, ...], is_float: bool = False) -> bpy.types.Image:
    """A Blender image of that color, but for its upper left pixel."""
    image = bpy.data.images.new("made", WIDTH, HEIGHT, alpha=True, float_buffer=is_float)
    pixels = np.tile(np.asarray(color, np.float32), (HEIGHT, WIDTH, 1))
    pixels[-1, 0] = (0, 0, 0, 1)
    image.pixels.foreach_set(pixels.reshape(-1))
    return image


def check(content: bytes, folder: Path) -> None:
    pixels = shown(content, folder)
    assert pixels.shape == (HEIGHT, WIDTH, 4)
    assert pixels[0, 0, :3] == pytest.approx(0, abs=0.02)
    assert pixels[2, 3] == pytest.approx(COLOR, abs=0.02)


def saved(folder: Path, kind: str) -> Path:
    """A file of that format, which Blender shows as COLOR."""
    file = folder / f"picture.{kind.lower()}"
    if kind in WRITERS:
        file.write_bytes(WRITERS[kind]())
        return file
    image = painted(COLOR)
    image.file_format = kind
    image.filepath_raw = str(file)
    image.save()
    bpy.data.images.remove(image)
    return file


def radiance_hdr() -> bytes:
    """Of LINEAR, but for the upper left pixel; mantissas of 8 bits with a common exponent."""
    pixels = bytes([round(value * 256) for value in LINEAR[:3]] + [128]) * (WIDTH * HEIGHT)
    header = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {HEIGHT} +X {WIDTH}\n"
    return header.encode() + bytes(4) + pixels[4:]


def open_exr() -> bytes:
    """Of LINEAR, but for the upper left pixel; uncompressed, 32 bits (openexr.com, file layout)."""
    window = struct.pack("<4i", 0, 0, WIDTH - 1, HEIGHT - 1)
    channels = b"".join(struct.pack("<2s4i", name, 2, 0, 1, 1) for name in (b"A", b"B", b"G", b"R"))
    attributes = [
        (b"channels", b"chlist", channels + b"\0"),
        (b"compression", b"compression", b"\0"),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", bytes(8)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ]
    header = struct.pack("<2i", 20000630, 2)
    for name, kind, value in attributes:
        header += name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
    header += b"\0"
    pixels = np.tile(np.asarray(LINEAR, "<f4"), (HEIGHT, WIDTH, 1))
    pixels[0, 0] = (0, 0, 0, 1)
    size = 16 * WIDTH
    first = len(header) + 8 * HEIGHT
    offsets = struct.pack(f"<{HEIGHT}Q", *(first + row * (8 + size) for row in range(HEIGHT)))
    rows = (np.ascontiguousarray(row[:, ::-1].T).tobytes() for row in pixels)
    return (
        header
        + offsets
        + b"".join(struct.pack("<2i", number, size) + row for number, row in enumerate(rows))
    )


WRITERS = {"HDR": radiance_hdr, "OPEN_EXR": open_exr}
KINDS = ["PNG", "BMP", "TARGA", "TARGA_RAW", "TIFF", "OPEN_EXR", "HDR"]
if bpy.app.version >= (4, 5, 0):
    KINDS.append("IRIS")  # 4.2 does not read what it writes


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_any_format_arrives_as_it_is_shown(tmp_path: Path, kind: str) -> None:
    check(read_picture(bpy.data.images.load(str(saved(tmp_path, kind)))), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_format_arrives_as_it_is_shown(tmp_path: Path, kind: str) -> None:
    file = saved(tmp_path, kind)
    before = set(bpy.data.images)
    content = read_picture(file)
    assert set(bpy.data.images) == before
    check(content, tmp_path)


@pytest.mark.parametrize("kind", ["TARGA", "OPEN_EXR"])
def test_a_packed_image_needs_no_file(tmp_path: Path, kind: str) -> None:
    file = saved(tmp_path, kind)
    image = bpy.data.images.load(str(file))
    image.pack()
    file.unlink()
    check(read_picture(image), tmp_path)


@pytest.mark.parametrize(("color", "is_float"), [(COLOR, False), (LINEAR, True)])
def test_a_generated_image_arrives_whatever_the_view_transform(
    tmp_path: Path, color: tuple[float, ...], is_float: bool
) -> None:
    bpy.context.scene.view_settings.exposure = 2
    check(read_picture(painted(color, is_float)), tmp_path)


def test_a_float_image_keeps_its_transparency(tmp_path: Path) -> None:
    half = tuple(value / 2 for value in LINEAR)  # Blender's float images are premultiplied
    pixels = shown(read_picture(painted(half, is_float=True)), tmp_path)
    assert pixels[2, 3] == pytest.approx((*COLOR[:3], 0.5), abs=0.02)


def test_values_beyond_white_and_no_numbers_are_clipped(tmp_path: Path) -> None:
    pixels = shown(read_picture(painted((7.0, -1.0, float("nan"), 1.0), is_float=True)), tmp_path)
    assert pixels[2, 3] == pytest.approx((1, 0, 0, 1), abs=0.02)


def test_a_file_that_is_no_picture_is_left_to_the_backend(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b"hello")
    assert read_picture(file) == b"hello"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="lost.tga"):
        read_picture(tmp_path / "lost.tga")


def test_a_picture_is_called_by_its_name_with_joined_accents() -> None:
    assert picture_name("/pictures/cafe\u0301.png") == "caf\u00e9"
