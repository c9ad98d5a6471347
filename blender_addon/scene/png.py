"""PNG files of pixels, written by any thread: Blender's own writer works on the main thread alone.

8 bits per channel, RGBA, each row as its difference from the row above (PNG specification, 9.2).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _RGBA = 8, 6
_UP = 2  # the filter's number
_LEVEL = 1  # of zlib: higher ones take several times as long for a few per cent


def write_png(width: int, height: int, blocks: Iterable[NDArray[np.float32]]) -> bytes:
    """A PNG file of rows in blocks [R, W, 4], values 0..1, top row first."""
    size = struct.pack(">IIBBBBB", width, height, _BITS, _RGBA, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", size),
            _chunk(b"IDAT", _compress(width, blocks)),
            _chunk(b"IEND", b""),
        )
    )


def _compress(width: int, blocks: Iterable[NDArray[np.float32]]) -> bytes:
    packer = zlib.compressobj(_LEVEL)
    parts: list[bytes] = []
    above = np.zeros((1, 4 * width), np.uint8)
    for block in blocks:
        rows = np.concatenate([above, _to_bytes(block).reshape(len(block), -1)])
        filtered = np.empty((len(block), 1 + 4 * width), np.uint8)
        filtered[:, 0] = _UP
        np.subtract(rows[1:], rows[:-1], out=filtered[:, 1:])  # modulo 256, as specified
        parts.append(packer.compress(filtered.data))
        above = rows[-1:]
    return b"".join((*parts, packer.flush()))


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounded as Blender rounds them."""
    return (np.nan_to_num(values, nan=0.0).clip(0, 1) * np.float32(255) + 0.5).astype(np.uint8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return b"".join((struct.pack(">I", len(content)), kind, content, checksum))
