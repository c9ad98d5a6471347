"""Decoding of pictures in any common format to RGBA arrays; encoding of previews."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from .contract.wire import MAX_PREVIEW_BYTES, PreviewImage
from .errors import UnreadablePicture

# Formats detected by their first bytes; not EPS, for which Pillow starts another program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
MAX_SIDE = 16_384
MAX_PIXELS = 64_000_000
MAX_REDUCED_PIXELS = 256_000_000  # of JPEG files, which are decoded at a fraction of their size
MAX_PROGRESSIVE_PIXELS = 128_000_000  # of those whose coefficients are all kept while decoding
MAX_DECODED_SIDE = 2_048
PREVIEW_SIDE = 256
PREVIEW_QUALITIES = (85, 50, 20)  # of JPEG: the next one if the file is too large

_LIMIT_LOCK = Lock()  # of Pillow's global limit

# Raised by Pillow's decoders on damaged files.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def read_picture(source: Path | bytes) -> NDArray[np.uint8]:
    """Decode a picture to uint8 RGBA [H, W, 4], sRGB, straight alpha, downscaled to
    MAX_DECODED_SIDE pixels.

    The EXIF orientation is applied; of an animation the first frame is taken.

    Raises:
        UnreadablePicture: not a picture, damaged, too large, empty or fully transparent.
    """
    name = source.name if isinstance(source, Path) else "The file"
    file = source if isinstance(source, Path) else BytesIO(source)
    with _open(file, name) as image:
        _reduce(image)
        _check_size(image.size, name)
        rgba = _downscale(_convert_to_rgba(_decode(image, name), name))
    pixels = np.asarray(rgba)
    if not pixels[..., 3].any():
        raise UnreadablePicture(
            f"{name} is fully transparent.", "Use a picture in which something can be seen."
        )
    return pixels


def encode_preview(pixels: NDArray[np.uint8]) -> PreviewImage:
    """A picture [H, W, 3] (sRGB) as a JPEG file of PREVIEW_SIDE pixels a side at most."""
    image = Image.fromarray(pixels)
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    for quality in PREVIEW_QUALITIES:
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= MAX_PREVIEW_BYTES:
            break
    return PreviewImage("image/jpeg", base64.b64encode(buffer.getvalue()).decode("ascii"))


def _open(file: Path | BinaryIO, name: str) -> Image.Image:
    try:
        with _pillows_size_limit_off():
            return Image.open(file, formats=FORMATS)
    except FileNotFoundError:
        raise UnreadablePicture(f"There is no picture {file}.", "Check the name.") from None
    except (IsADirectoryError, PermissionError):
        raise UnreadablePicture(
            f"{file} cannot be read as a file.", "Choose a picture that you may read."
        ) from None
    except UnidentifiedImageError:
        raise UnreadablePicture(
            f"{name} is not a picture, or one without pixels.",
            "Use a PNG, JPEG, WebP or TIFF file.",
        ) from None
    except DECODE_ERRORS as error:
        raise _damaged_error(name) from error


@contextmanager
def _pillows_size_limit_off() -> Iterator[None]:
    """Open images of any size, to be checked before they are decoded: Pillow's own refusal does not
    name the size, and is a warning in between.
    """
    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _reduce(image: Image.Image) -> None:
    """Have a large JPEG decoded at a half, a quarter or an eighth of its size, straight from its
    coefficients.
    """
    pixels = image.width * image.height
    is_progressive = bool(image.info.get("progressive") or image.info.get("progression"))
    most = MAX_PROGRESSIVE_PIXELS if is_progressive else MAX_REDUCED_PIXELS
    if isinstance(image, JpegImageFile) and MAX_PIXELS < pixels <= most:
        scale = MAX_DECODED_SIDE / max(image.size)
        width, height = (round(side * scale) for side in image.size)
        image.draft(None, (width, height))


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(size) < 1:
        raise UnreadablePicture(
            f"{name} is empty: {width} x {height} pixels.", "Use a picture with something in it."
        )
    if max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise _too_large_error(name, f"{width:,} x {height:,} pixels")


def _decode(image: Image.Image, name: str) -> Image.Image:
    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
    except DECODE_ERRORS as error:
        raise _damaged_error(name) from error
    return _convert_to_srgb(upright)


def _convert_to_srgb(image: Image.Image) -> Image.Image:
    """Apply an embedded ICC profile, as cameras and CMYK files have one."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, given, srgb, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError):
        return image  # without a usable profile, colours are taken as sRGB


def _convert_to_rgba(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion clips
        grey = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGBA")
    if image.mode == "F":
        raise UnreadablePicture(
            f"{name} holds floating-point values.", "Save it as PNG or JPEG and use that."
        )
    direct = image.mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBa", "RGBA")
    return (image if direct else image.convert("RGB")).convert("RGBA")


def _downscale(image: Image.Image) -> Image.Image:
    factor = MAX_DECODED_SIDE / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _too_large_error(name: str, size: str) -> UnreadablePicture:
    return UnreadablePicture(
        f"{name} is too large: {size}.",
        f"Scale it down to {MAX_SIDE:,} pixels a side, {MAX_PIXELS // 10**6} megapixels in all.",
    )


def _damaged_error(name: str) -> UnreadablePicture:
    return UnreadablePicture(f"{name} is damaged or cut off.", "Save or download it again.")
