"""Pictures as PNG files, their rows filtered and deflated on all cores.

Each strip of rows is a deflate stream that ends on a byte, so that the strips, one after another,
are one stream again (RFC 1950, 1951; PNG specification, 3rd edition, sections 9 and 10).
"""

from __future__ import annotations

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from ..gaussians.compiling import compiled
from .texels import Bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _RGB = 8, 2
_LEVEL = 1  # of compression: higher ones take several times as long for a fifth of the size
_STRIP = 1 << 18  # bytes, about, in one strip
_ZLIB = b"\x78\x01"  # a window of 32 KiB, the fastest level
_RAW = -15  # a deflate stream with no header of its own
_FILTERS = 5


def encode_png(picture: Bytes) -> bytes:
    """The PNG file of a picture [H, W, 3] in sRGB."""
    height, width, _ = picture.shape
    header = struct.pack(">IIBBBBB", width, height, _BITS, _RGB, 0, 0, 0)
    rows = _filtered(np.ascontiguousarray(picture))
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", _deflated(rows)), _chunk(b"IEND", b"")
    return b"".join((_SIGNATURE, *chunks))


def _deflated(rows: Bytes) -> bytes:
    """`rows` [H, B] as a zlib stream."""
    at_once = max(1, _STRIP // rows.shape[1])
    strips = [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
    ends = [zlib.Z_SYNC_FLUSH] * (len(strips) - 1) + [zlib.Z_FINISH]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        parts = list(threads.map(_strip, strips, ends))
    return b"".join((_ZLIB, *parts, struct.pack(">I", zlib.adler32(rows.data))))


def _strip(rows: Bytes, end: int) -> bytes:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return deflate.compress(rows.data) + deflate.flush(end)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", check)))


@compiled(parallel=True)
def _filtered(picture: Bytes) -> Bytes:
    """[H, 1 + 3 W]: of each row the filter that leaves the least, and what it leaves."""
    height, width, _ = picture.shape
    out = np.empty((height, 1 + 3 * width), np.uint8)
    for row in numba.prange(height):
        tried = np.empty(3 * width, np.uint8)
        least = -1
        for method in range(_FILTERS):
            rest = _filter_row(picture, row, method, tried)
            if least < 0 or rest < least:
                least = rest
                out[row, 0] = method
                out[row, 1:] = tried
    return out


@compiled()
def _filter_row(picture: Bytes, row: int, method: int, out: Bytes) -> int:
    """Fill `out` [3 W]; the sum of its bytes' distances from 0, counted round the circle."""
    total = 0
    for column in range(picture.shape[1]):
        for channel in range(3):
            left = int(picture[row, column - 1, channel]) if column else 0
            above = int(picture[row - 1, column, channel]) if row else 0
            corner = int(picture[row - 1, column - 1, channel]) if row and column else 0
            guess = 0
            if method == 1:
                guess = left
            elif method == 2:
                guess = above
            elif method == 3:
                guess = (left + above) // 2
            elif method == 4:
                guess = _paeth(left, above, corner)
            rest = (int(picture[row, column, channel]) - guess) & 255
            out[3 * column + channel] = rest
            total += min(rest, 256 - rest)
    return total


@compiled()
def _paeth(left: int, above: int, corner: int) -> int:
    """Whichever of the three is nearest to left + above - corner; the first of equals."""
    by_left, by_above = abs(above - corner), abs(left - corner)
    by_corner = abs(left + above - 2 * corner)
    if by_left <= by_above and by_left <= by_corner:
        return left
    return above if by_above <= by_corner else corner
