"""Image files of Blender images, files on disk and pixel arrays."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.file_names import path_title
from ..contract.problems import InvalidRequest
from .picture_file import PictureFile
from .png import write_png

RENDERED = ("RENDER_RESULT", "COMPOSITING")  # types of images that a view transform belongs to
# First bytes of formats in which Blender and the backend read the same picture.
PLAIN_FORMATS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")
TIFF = (b"II*\0", b"MM\0*")

_BLOCK = 64  # rows that are encoded at a time

Picture = Path | str | bpy.types.Image


def read_picture(picture: Picture) -> bytes:
    """The content of `picture_file`, encoded at once.

    Raises:
        InvalidRequest: as there.
    """
    return picture_file(picture).read()


def picture_file(picture: Picture) -> PictureFile:
    """A picture as a file that the backend reads, as Blender shows it; unsaved strokes included.

    Files of formats that Blender alone reads, such as TGA and EXR, become PNG. Pixels are copied
    now, and encoded by the thread that reads the file.

    Raises:
        InvalidRequest: there is no such file, or the image has no pixels.
    """
    if not isinstance(picture, bpy.types.Image):
        return _path_file(Path(bpy.path.abspath(str(picture))))
    if picture.is_dirty or picture.type in RENDERED:
        return _encoded(picture)
    content = _file_content(picture)
    is_plain = picture.colorspace_settings.name == "sRGB" and content.startswith(PLAIN_FORMATS)
    return PictureFile(content) if is_plain else _encoded(picture)


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


def _path_file(path: Path) -> PictureFile:
    content = _read(path)
    if content.startswith(PLAIN_FORMATS) or not content:
        return PictureFile(content)
    image = bpy.data.images.load(str(path))
    try:
        is_read = image.size[0] > 0 and (image.is_float or not content.startswith(TIFF))
        return _encoded(image) if is_read else PictureFile(content)  # the backend says what it is
    finally:
        bpy.data.images.remove(image)


def encode_png(rgba: NDArray[np.float32]) -> bytes:
    """A PNG file of RGBA [H, W, 4] in 0..1, top row first."""
    height, width = rgba.shape[:2]
    return write_png(width, height, (rgba,))


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


def _encoded(image: bpy.types.Image) -> PictureFile:
    """A PNG of the image as Blender shows it, of its present pixels.

    Raises:
        InvalidRequest: it has no pixels.
    """
    try:
        if image.type in RENDERED:
            return PictureFile(_save_render(image))
        return PictureFile(_copy_pixels(image).encode)
    except RuntimeError as error:
        raise InvalidRequest(
            f"The image {image.name!r} has no pixels to send.", "Choose another image."
        ) from error


def _save_render(image: bpy.types.Image) -> bytes:
    """With the scene's view transform, which Blender alone applies.

    Raises:
        RuntimeError: nothing is rendered.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        image.save_render(str(path))
        return path.read_bytes()


def _copy_pixels(image: bpy.types.Image) -> _Pixels:
    """Raises:
    RuntimeError: the image has no pixels.
    """
    width, height = image.size
    if not width * height:
        raise RuntimeError("no pixels")
    stored = np.empty((height, width, image.channels), np.float32)
    image.pixels.foreach_get(stored.reshape(-1))
    return _Pixels(stored, image.is_float and not image.colorspace_settings.is_data)


@dataclass(frozen=True)
class _Pixels:
    """Pixels of an image that is no render, for any thread.

    stored: [H, W, channels], bottom row first, as Blender stores them.
    is_linear: scene linear with premultiplied alpha; else as they are shown, alpha straight.
    """

    stored: NDArray[np.float32]
    is_linear: bool

    def encode(self) -> bytes:
        """A PNG of them as the view transform Standard shows them."""
        height, width = self.stored.shape[:2]
        rows = self.stored[::-1]
        blocks = (rows[start : start + _BLOCK] for start in range(0, height, _BLOCK))
        return write_png(width, height, map(self._shown, blocks))

    def _shown(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """RGBA [R, W, 4] in sRGB, straight alpha."""
        channels = block.shape[2]
        rgba = np.ones((*block.shape[:2], 4), np.float32)
        rgba[..., :3] = block[..., :1] if channels < 3 else block[..., :3]
        if channels in (2, 4):
            rgba[..., 3] = block[..., -1]
        if not self.is_linear:
            return rgba
        alpha = rgba[..., 3:]
        straight = np.divide(rgba[..., :3], alpha, out=rgba[..., :3].copy(), where=alpha > 0)
        return np.concatenate([_encode_srgb(straight), alpha], axis=2)


def _encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scene linear to sRGB, 0..1 (IEC 61966-2-1)."""
    value = np.nan_to_num(linear, nan=0.0).clip(0, 1)
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
