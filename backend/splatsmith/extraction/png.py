"""Pictures as PNG files (ISO/IEC 15948), written by all cores at once."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..gaussians.compiling import Bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _RGB = 8, 2
_UP = 2  # the filter of every row: its difference from the one above
_STRIP = 128  # rows that are compressed by themselves
_DEFLATE = b"\x78\x01"  # zlib's header: a window of 32 KB, the fastest level
_RAW = -15  # zlib's sign for that window without header and checksum
_MEMORY = 9


def encode_png(picture: Bytes) -> bytes:
    """The file of a picture [H, W, 3], sRGB.

    Runs alone are sought, which suits filtered rows; strips end at whole bytes, so that they can
    follow each other in one stream.
    """
    height, width, _ = picture.shape
    rows = _filtered(picture.reshape(height, -1))
    strips = [rows[top : top + _STRIP] for top in range(0, height, _STRIP)]
    endings = [zlib.Z_SYNC_FLUSH] * (len(strips) - 1) + [zlib.Z_FINISH]
    with ThreadPoolExecutor() as threads:
        parts = list(threads.map(_compressed, strips, endings))
    stream = b"".join([_DEFLATE, *parts, struct.pack(">I", zlib.adler32(rows.data))])
    header = struct.pack(">IIBBBBB", width, height, _BITS, _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")


def _filtered(rows: Bytes) -> Bytes:
    """[H, 1 + 3 W] of rows [H, 3 W]: the filter and what is new since the row above."""
    out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    out[:, 0] = _UP
    out[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=out[1:, 1:])
    return out


def _compressed(rows: Bytes, ending: int) -> bytes:
    stream = zlib.compressobj(1, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_RLE)
    return stream.compress(rows.data) + stream.flush(ending)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
