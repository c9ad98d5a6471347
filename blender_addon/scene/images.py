"""Image files of Blender images, files on disk and pixel arrays."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.file_names import path_title
from ..contract.problems import InvalidRequest

Picture = Path | str | bpy.types.Image


def read_picture(picture: Picture) -> bytes:
    """The image file behind a path or a Blender image; unsaved paint strokes included.

    Raises:
        InvalidRequest: there is no such file, or the image has no pixels.
    """
    if not isinstance(picture, bpy.types.Image):
        return _read(Path(bpy.path.abspath(str(picture))))
    if not picture.is_dirty:
        if picture.packed_file is not None:
            return bytes(picture.packed_file.data)
        if picture.source == "FILE" and picture.filepath:  # none after saving a copy by a script
            return _read(Path(bpy.path.abspath(picture.filepath, library=picture.library)))
    return _save(picture)


def encode_png(rgba: NDArray[np.float32]) -> bytes:
    """A PNG file of RGBA [H, W, 4] in 0..1, top row first."""
    height, width = rgba.shape[:2]
    image = bpy.data.images.new("map", width, height, alpha=True)
    try:
        image.pixels.foreach_set(rgba[::-1].reshape(-1))  # Blender stores the bottom row first
        return _save(image)
    finally:
        bpy.data.images.remove(image)


def picture_name(picture: Picture | None) -> str:
    """The stem of the file's or image's name."""
    if picture is None:
        return ""
    return path_title(Path(picture.name if isinstance(picture, bpy.types.Image) else picture))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            f"The picture {path} cannot be read: {error.strerror}.", "Choose another file."
        ) from error


def _save(image: bpy.types.Image) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        try:
            if image.type in ("RENDER_RESULT", "COMPOSITING") or image.is_float:
                image.save_render(str(path))
            else:
                _save_pixels(image, path)
        except RuntimeError as error:
            raise InvalidRequest(
                f"The image {image.name!r} has no pixels to send.", "Choose another image."
            ) from error
        return path.read_bytes()


def _save_pixels(image: bpy.types.Image, path: Path) -> None:
    """Write a PNG from a copy: saving the user's image itself would clear its dirty flag.

    Raises:
        RuntimeError: the image has no pixels.
    """
    width, height = image.size
    if not width * height:
        raise RuntimeError("no pixels")
    pixels = np.empty((height * width, image.channels), np.float32)
    image.pixels.foreach_get(pixels.reshape(-1))
    rgba = np.ones((height * width, 4), np.float32)
    rgba[:, : image.channels] = pixels
    copy = bpy.data.images.new(path.stem, width, height, alpha=True)
    try:
        copy.pixels.foreach_set(rgba.reshape(-1))
        copy.file_format = "PNG"
        copy.save(filepath=str(path))
    finally:
        bpy.data.images.remove(copy)
