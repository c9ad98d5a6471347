"""Pictures of any common kind, as RGBA arrays; what cannot be one is refused with a reason."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .errors import UnreadablePicture

# Only formats known by their first bytes; Pillow's EPS would start another program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
MAX_SIDE = 16_384
MAX_PIXELS = 64_000_000
WORKING_SIDE = 2_048

# What Pillow's decoders raise on damaged files.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def read_picture(source: Path | bytes) -> NDArray[np.uint8]:
    """Decode a picture to uint8 RGBA [H, W, 4], sRGB, straight alpha, WORKING_SIDE px at most.

    Turned upright as its EXIF data say; of an animation the first frame.

    Raises:
        UnreadablePicture: not a picture, damaged, too large, empty or fully transparent.
    """
    name = source.name if isinstance(source, Path) else "The file"
    file = source if isinstance(source, Path) else BytesIO(source)
    with _open(file, name) as image:
        _check_size(image.size, name)
        rgba = _shrunk(_rgba(_decoded(image, name), name))
    pixels = np.asarray(rgba)
    if not pixels[..., 3].any():
        raise UnreadablePicture(
            f"{name} is fully transparent.", "Use a picture in which something can be seen."
        )
    return pixels


def _open(file: Path | BinaryIO, name: str) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except FileNotFoundError:
        raise UnreadablePicture(f"There is no picture {file}.", "Check the name.") from None
    except (IsADirectoryError, PermissionError):
        raise UnreadablePicture(
            f"{file} cannot be read as a file.", "Choose a picture that you may read."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name, "far too many pixels") from None
    except UnidentifiedImageError:
        raise UnreadablePicture(
            f"{name} is not a picture, or one without pixels.",
            "Use a PNG, JPEG, WebP or TIFF file.",
        ) from None
    except DAMAGE as error:
        raise _damaged(name) from error


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(size) < 1:
        raise UnreadablePicture(
            f"{name} is empty: {width} x {height} pixels.", "Use a picture with something in it."
        )
    if max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise _too_large(name, f"{width:,} x {height:,} pixels")


def _decoded(image: Image.Image, name: str) -> Image.Image:
    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
    except DAMAGE as error:
        raise _damaged(name) from error
    return _in_srgb(upright)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Follow an embedded colour profile, as cameras and CMYK files have one."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, given, srgb, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError):
        return image  # A broken profile leaves a good picture: its colours are taken as sRGB.


def _rgba(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, where Pillow's own conversion would clip
        grey = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGBA")
    if image.mode == "F":
        raise UnreadablePicture(
            f"{name} holds floating-point values.", "Save it as PNG or JPEG and use that."
        )
    direct = image.mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBa", "RGBA")
    return (image if direct else image.convert("RGB")).convert("RGBA")


def _shrunk(image: Image.Image) -> Image.Image:
    factor = WORKING_SIDE / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _too_large(name: str, size: str) -> UnreadablePicture:
    return UnreadablePicture(
        f"{name} is too large: {size}.",
        f"Scale it down to {MAX_SIDE:,} pixels a side, {MAX_PIXELS // 10**6} megapixels in all.",
    )


def _damaged(name: str) -> UnreadablePicture:
    return UnreadablePicture(f"{name} is damaged or cut off.", "Save or download it again.")
