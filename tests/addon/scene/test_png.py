"""PNG files of arrays, as Blender reads them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.scene.images import picture_file, read_picture
from blender_addon.scene.png import write_png

WIDTH, HEIGHT = 37, 131  # more rows than are encoded at a time

pytestmark = pytest.mark.usefixtures("scene")


def random_bytes() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)


def bytes_read(content: bytes, folder: Path) -> NDArray[np.uint8]:
    """[H, W, 4], top row first."""
    file = folder / "read.png"
    file.write_bytes(content)
    image = bpy.data.images.load(str(file))
    pixels = np.empty((image.size[1], image.size[0], 4), np.float32)
    image.pixels.foreach_get(pixels.reshape(-1))
    return np.rint(pixels[::-1] * 255).astype(np.uint8)


@pytest.mark.parametrize("rows", [1, 50, HEIGHT])
def test_every_byte_arrives(tmp_path: Path, rows: int) -> None:
    expected = random_bytes()
    values = expected.astype(np.float32) / np.float32(255)
    blocks = (values[start : start + rows] for start in range(0, HEIGHT, rows))
    content = write_png(WIDTH, HEIGHT, blocks)
    np.testing.assert_array_equal(bytes_read(content, tmp_path), expected)


def generated(pixels: NDArray[np.uint8]) -> bpy.types.Image:
    """An unsaved image of `pixels` [H, W, 4], top row first."""
    image = bpy.data.images.new("generated", WIDTH, HEIGHT, alpha=True)
    image.pixels.foreach_set((pixels[::-1].astype(np.float32) / 255).reshape(-1))
    return image


def test_an_unsaved_image_is_what_blender_itself_saves(tmp_path: Path) -> None:
    image = generated(random_bytes())
    content = read_picture(image)
    image.file_format, image.filepath_raw = "PNG", str(tmp_path / "saved.png")
    image.save()
    saved = (tmp_path / "saved.png").read_bytes()
    np.testing.assert_array_equal(bytes_read(content, tmp_path), bytes_read(saved, tmp_path))


def test_a_picture_has_the_pixels_of_its_submission(tmp_path: Path) -> None:
    expected = random_bytes()
    image = generated(expected)
    picture = picture_file(image)
    image.pixels.foreach_set(np.zeros(4 * WIDTH * HEIGHT, np.float32))
    bpy.data.images.remove(image)
    content = picture.read()
    np.testing.assert_array_equal(bytes_read(content, tmp_path), expected)
    assert picture.read() is content


def test_an_unsaved_image_stays_unsaved() -> None:
    image = generated(random_bytes())
    read_picture(image)
    assert image.is_dirty
