"""Pictures as PNG files, deflated on all cores.

Libraries take one core for it, a sixth of a second for a texture: as long as a tenth of all that
comes before. Strips of rows are deflate streams that end on a byte each, so that one after another
they are one stream again (RFC 1950 and 1951; PNG specification, 3rd edition, sections 9 and 10).
"""

from __future__ import annotations

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...gaussians.numba_jit import Bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _RGB = 8, 2
_UP = 2  # the filter of all rows: what differs from the row above
_LEVEL = 1  # of compression: higher ones take several times as long for a fifth of the size
_STRIP = 1 << 18  # bytes, about, in one strip
_ZLIB = b"\x78\x01"  # a window of 32 KiB, the fastest level
_RAW = -15  # a deflate stream with no header of its own


def encode_png(picture: Bytes) -> bytes:
    """The PNG file of a picture [H, W, 3] in sRGB."""
    height, width, _ = picture.shape
    header = struct.pack(">IIBBBBB", width, height, _BITS, _RGB, 0, 0, 0)
    rows = np.ascontiguousarray(picture).reshape(height, 3 * width)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", _deflated(rows)), _chunk(b"IEND", b"")
    return b"".join((_SIGNATURE, *chunks))


def _deflated(rows: Bytes) -> bytes:
    """`rows` [H, B], filtered, as a zlib stream."""
    height = max(1, _STRIP // rows.shape[1])
    starts = range(0, len(rows), height)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        filtered = list(threads.map(lambda top: _filtered(rows, top, height), starts))
        ends = [zlib.Z_SYNC_FLUSH] * (len(filtered) - 1) + [zlib.Z_FINISH]
        parts = threads.map(_strip, filtered, ends)
        check = 1
        for strip in filtered:
            check = zlib.adler32(strip.data, check)
        return b"".join((_ZLIB, *parts, struct.pack(">I", check)))


def _filtered(rows: Bytes, top: int, height: int) -> Bytes:
    """`height` rows from `top` on, each after the number of its filter."""
    own = rows[top : top + height]
    out = np.empty((len(own), 1 + own.shape[1]), np.uint8)
    out[:, 0] = _UP
    np.subtract(own[1:], own[:-1], out=out[1:, 1:])
    np.subtract(own[0], rows[top - 1] if top else 0, out=out[0, 1:])
    return out


def _strip(rows: Bytes, end: int) -> bytes:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return deflate.compress(rows.data) + deflate.flush(end)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", check)))
