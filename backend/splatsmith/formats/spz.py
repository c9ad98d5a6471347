"""Niantic's SPZ: quantised attributes, one after the other. Versions 1 to 3 are one gzip stream,
version 4 has a header and a table of zstd streams.

Its axes are right, up, back: the asset frame. Positions are fixed-point numbers of 24 bits (half
floats in version 1), scales logarithms in steps of 1/16, rotations the smallest three components
(x, y, z in bytes before version 3), the rest bytes.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import zstandard
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud, empty_cloud
from ..contract.problems import UnreadableCloud
from ..contract.transform import apply_affine
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .decoded import DecodedSplats
from .limits import check_count, check_expansion, cut_off, damaged
from .quantization import HALF_ROOT, join_smallest_three

MAGIC = b"NGSP"
GZIP_MAGIC = b"\x1f\x8b"
HEADER = struct.Struct("<4sIIBBBB")  # magic, version, count, degree, fraction bits, flags, streams
COLOR_SCALE = 0.15  # of harmonics of degree 0 in colors' bytes
MAGNITUDE = 511  # of a rotation's component
_HEADER_BYTES_4 = 32
_STREAM = struct.Struct("<QQ")  # compressed and uncompressed size
_MAX_WINDOW = 1 << 27  # bytes that a zstd stream may look back
_ANTIALIASED, _EXTENDED = 1, 2  # flags
_COORDINATES = 0xADBE0003  # SPZ_ADOBE_coordinate_system
_MAX_EXTENSION_BYTES = 1 << 20
_SYSTEMS = (
    *("LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"),
    *("LFD", "RFD", "LFU", "RFU", "LBD", "RBD", "LBU", "RBU"),
)
_RUB = "RUB"
_DIRECTIONS = {
    "R": (1, 0, 0),
    "L": (-1, 0, 0),
    "U": (0, 1, 0),
    "D": (0, -1, 0),
    "B": (0, 0, 1),
    "F": (0, 0, -1),
}
_CHUNK = 1 << 24  # bytes that are decompressed between two looks at the progress


@dataclass(frozen=True)
class SpzHeader:
    """The header's numbers, and the size of each attribute that follows from them."""

    version: int
    count: int
    degree: int
    fraction_bits: int
    flags: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes a Gaussian: position, opacity, color, scale, rotation, harmonics."""
        position = 6 if self.version == 1 else 9
        rotation = 4 if self.version >= 3 else 3
        return position, 1, 3, 3, rotation, 3 * ((self.degree + 1) ** 2 - 1)


Attributes = list[NDArray[np.uint8]]
ReadExactly = Callable[[int], bytes]


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of an SPZ file of version 1 to 4.

    Raises:
        UnreadableCloud: it is cut off, damaged, of another version, or would fill the memory.
    """
    with path.open("rb") as file:
        is_new = file.read(4) == MAGIC
        file.seek(0)
        reader = _read_streams if is_new else _read_gzip
        header, attributes, extensions = reader(file, path, progress)
    return _decode(header, attributes, _system(extensions, path))


def _read_gzip(
    file: BinaryIO, path: Path, progress: Progress
) -> tuple[SpzHeader, Attributes, bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            header = _header(stream.read(HEADER.size), path, (1, 2, 3))
            total = header.count * sum(header.sizes)
            check_expansion(path, total, path.stat().st_size)
            attributes = [
                _attribute(stream.read, header.count, size, path, progress) for size in header.sizes
            ]
            rest = stream.read(_MAX_EXTENSION_BYTES)  # to the end, where the checksum is
            return header, attributes, rest if header.flags & _EXTENDED else b""
    except EOFError as error:
        raise cut_off(path) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise damaged(path, f"it cannot be decompressed ({error})") from error


def _header(data: bytes, path: Path, versions: tuple[int, ...]) -> SpzHeader:
    if len(data) < HEADER.size:
        raise cut_off(path)
    magic, version, count, degree, fraction_bits, flags, _ = HEADER.unpack(data[: HEADER.size])
    if magic != MAGIC:
        raise damaged(path, "what it holds is no SPZ data")
    if version not in versions:
        raise UnreadableCloud(
            f"{path.name} is an SPZ file of version {version}.", "Versions 1 to 4 can be read."
        )
    check_count(path, count)
    if degree > 4 or fraction_bits > 24:
        raise damaged(path, f"degree {degree} or {fraction_bits} bits of fraction are impossible")
    return SpzHeader(version, count, degree, fraction_bits, flags)


def _attribute(
    read_some: ReadExactly, count: int, size: int, path: Path, progress: Progress
) -> NDArray[np.uint8]:
    """[N, size] bytes."""
    data = np.empty(count * size, np.uint8)
    for start in range(0, len(data), _CHUNK):
        progress.step(start, len(data))
        wanted = min(_CHUNK, len(data) - start)
        got = read_some(wanted)
        if len(got) < wanted:
            raise cut_off(path)
        data[start : start + wanted] = np.frombuffer(got, np.uint8)
    return data.reshape(count, size)


def _read_streams(
    file: BinaryIO, path: Path, progress: Progress
) -> tuple[SpzHeader, Attributes, bytes]:
    size = path.stat().st_size
    head = file.read(_HEADER_BYTES_4)
    header = _header(head, path, (4,))
    streams = HEADER.unpack(head[: HEADER.size])[-1]
    table = int.from_bytes(head[16:20], "little")
    expected = [header.count * each for each in header.sizes if each]
    check_expansion(path, sum(expected), size)
    if streams != len(expected) or not _HEADER_BYTES_4 <= table <= size:
        raise damaged(path, "its table of streams cannot be right")
    extensions = file.read(min(table - _HEADER_BYTES_4, _MAX_EXTENSION_BYTES))
    file.seek(table)
    entries = [_STREAM.unpack(entry) for entry in _exact_entries(file, streams, path)]
    if [plain for _, plain in entries] != expected:
        raise damaged(path, "its streams have not the sizes that its header says")
    attributes = []
    for compressed, bytes_a_gaussian in zip(
        (each for each, _ in entries), (each for each in header.sizes if each), strict=True
    ):
        if compressed > size - file.tell():
            raise cut_off(path)
        stream = _zstd_stream(file.read(compressed))
        try:
            attributes.append(
                _attribute(stream.read, header.count, bytes_a_gaussian, path, progress)
            )
        except zstandard.ZstdError as error:
            raise damaged(path, f"it cannot be decompressed ({error})") from error
    if not header.sizes[-1]:
        attributes.append(np.empty((header.count, 0), np.uint8))
    return header, attributes, extensions if header.flags & _EXTENDED else b""


def _exact_entries(file: BinaryIO, count: int, path: Path) -> list[bytes]:
    entries = [file.read(_STREAM.size) for _ in range(count)]
    if any(len(entry) < _STREAM.size for entry in entries):
        raise cut_off(path)
    return entries


def _zstd_stream(data: bytes) -> zstandard.ZstdDecompressionReader:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    return decompressor.stream_reader(BytesIO(data))


def _system(extensions: bytes, path: Path) -> str:
    """The coordinate system that the extension records name, as "RDF"; else the format's own."""
    offset = 0
    while offset + 8 <= len(extensions):
        kind, length = struct.unpack_from("<II", extensions, offset)
        payload = extensions[offset + 8 : offset + 8 + length]
        offset += 8 + length
        if kind == _COORDINATES and len(payload) >= 4:
            number = int.from_bytes(payload[:4], "little")
            if number > len(_SYSTEMS):
                raise damaged(path, f"it names the coordinate system {number}, which is none")
            return _SYSTEMS[number - 1] if number else _RUB
    return _RUB


def _decode(header: SpzHeader, attributes: Attributes, system: str) -> DecodedSplats:
    positions, alphas, colors, scales, rotations, harmonics = attributes
    cloud = empty_cloud(header.count, header.degree)
    cloud.means[:] = _positions(positions, header)
    cloud.opacities[:] = alphas[:, 0] / np.float32(255)
    cloud.sh0[:] = (colors / np.float32(255) - np.float32(0.5)) / np.float32(COLOR_SCALE)
    cloud.scales[:] = np.exp(scales / np.float32(16) - np.float32(10))
    xyzw = _smallest_three(rotations) if header.version >= 3 else _first_three(rotations)
    cloud.quats[:] = np.roll(xyzw, 1, axis=1)
    for k in range(cloud.shN.shape[1]):
        cloud.shN[:, k] = (harmonics[:, 3 * k : 3 * k + 3].astype(np.float32) - 128) / 128
    notes = ()
    if header.flags & _ANTIALIASED:
        notes = ("The splats were trained with anti-aliasing; it is not taken into account.",)
    return DecodedSplats(_in_asset_frame(cloud, system), UpAxis.Y, notes)


def _positions(stored: NDArray[np.uint8], header: SpzHeader) -> NDArray[np.float32]:
    if header.version == 1:
        return np.ascontiguousarray(stored).view("<f2").astype(np.float32)
    words = np.zeros((*stored.shape[:1], 3, 4), np.uint8)
    words[:, :, 1:] = stored.reshape(-1, 3, 3)  # the sign ends in the highest byte
    fixed = words.view("<i4")[:, :, 0] >> 8
    return np.ldexp(fixed.astype(np.float32), -header.fraction_bits)


def _first_three(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rotations xyzw [N, 4] of their first three components; w is positive."""
    xyz = stored / np.float32(127.5) - 1
    return join_smallest_three(np.full(len(stored), 3), xyz)


def _smallest_three(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rotations xyzw [N, 4]: two bits of index, then a sign and nine bits for each component."""
    words = np.ascontiguousarray(stored).view("<u4")[:, 0]
    parts = np.stack([words >> 20, words >> 10, words], axis=1)
    magnitude = (parts & MAGNITUDE).astype(np.float32) * np.float32(HALF_ROOT / MAGNITUDE)
    others = np.where(parts & (MAGNITUDE + 1), -magnitude, magnitude)
    return join_smallest_three((words >> 30).astype(np.intp), others)


def _in_asset_frame(cloud: GaussianCloud, system: str) -> GaussianCloud:
    """`cloud`, whose axes point where the letters of `system` say."""
    if system == _RUB:
        return cloud
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([_DIRECTIONS[letter] for letter in system]).T
    return apply_affine(cloud, matrix)
