"""Image files of Blender images, files on disk and pixel arrays."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.file_names import path_title
from ..contract.problems import InvalidRequest

RENDERED = ("RENDER_RESULT", "COMPOSITING")  # types of images that a view transform belongs to
# First bytes of formats in which Blender and the backend read the same picture.
PLAIN_FORMATS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")
TIFF = (b"II*\0", b"MM\0*")

Picture = Path | str | bpy.types.Image


def read_picture(picture: Picture) -> bytes:
    """A picture as a file that the backend reads, as Blender shows it; unsaved strokes included.

    Files of formats that Blender alone reads, such as TGA and EXR, become PNG.

    Raises:
        InvalidRequest: there is no such file, or the image has no pixels.
    """
    if not isinstance(picture, bpy.types.Image):
        return _read_path(Path(bpy.path.abspath(str(picture))))
    if picture.is_dirty or picture.type in RENDERED:
        return _save(picture)
    content = _file_content(picture)
    is_plain = picture.colorspace_settings.name == "sRGB" and content.startswith(PLAIN_FORMATS)
    return content if is_plain else _save(picture)


def _file_content(image: bpy.types.Image) -> bytes:
    """The image's file, packed or on disk; empty for images that have none.

    Raises:
        InvalidRequest: the file is missing.
    """
    if image.packed_file is not None:
        return bytes(image.packed_file.data)
    if image.source == "FILE" and image.filepath:  # none after saving a copy by a script
        return _read(Path(bpy.path.abspath(image.filepath, library=image.library)))
    return b""


def _read_path(path: Path) -> bytes:
    content = _read(path)
    if content.startswith(PLAIN_FORMATS) or not content:
        return content
    image = bpy.data.images.load(str(path))
    try:
        is_read = image.size[0] > 0 and (image.is_float or not content.startswith(TIFF))
        return _save(image) if is_read else content  # of which the backend says what it is
    finally:
        bpy.data.images.remove(image)


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
    """A PNG of the image as Blender shows it.

    Raises:
        InvalidRequest: it has no pixels.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        try:
            if image.type in RENDERED:
                image.save_render(str(path))  # with the scene's view transform
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
    rgba = _shown_pixels(image)
    width, height = image.size
    copy = bpy.data.images.new(path.stem, width, height, alpha=True)
    try:
        copy.pixels.foreach_set(rgba.reshape(-1))
        copy.file_format = "PNG"
        copy.save(filepath=str(path))
    finally:
        bpy.data.images.remove(copy)


def _shown_pixels(image: bpy.types.Image) -> NDArray[np.float32]:
    """RGBA [H * W, 4] in sRGB, straight alpha: the view transform Standard, as of all images that
    are no renders.

    Raises:
        RuntimeError: the image has no pixels.
    """
    width, height = image.size
    if not width * height:
        raise RuntimeError("no pixels")
    pixels = np.empty((height * width, image.channels), np.float32)
    image.pixels.foreach_get(pixels.reshape(-1))
    rgba = np.ones((height * width, 4), np.float32)
    color_channels = min(3, image.channels)
    rgba[:, :3] = pixels[:, :1] if color_channels < 3 else pixels[:, :3]
    if image.channels in (2, 4):
        rgba[:, 3] = pixels[:, -1]
    if not image.is_float or image.colorspace_settings.is_data:
        return rgba
    alpha = rgba[:, 3:]
    straight = np.divide(rgba[:, :3], alpha, out=rgba[:, :3].copy(), where=alpha > 0)
    return np.concatenate([_encode_srgb(straight), alpha.clip(0, 1)], 1)


def _encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scene linear to sRGB, 0..1 (IEC 61966-2-1)."""
    value = np.nan_to_num(linear, nan=0.0).clip(0, 1)
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
