"""glTF files: their JSON, and the bytes of accessors as arrays. GLB, or JSON with its buffers."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ..contract.problems import UnreadableCloud
from .limits import cut_off, damaged

MAGIC, VERSION = b"glTF", 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
HEADER, CHUNK = struct.Struct("<4sII"), struct.Struct("<II")
MAX_JSON_BYTES = 64 * 2**20
_DATA_URI = "data:"
_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}

Json = dict[str, Any]


@dataclass(frozen=True)
class GltfFile:
    """An opened glTF file.

    Attributes:
        json: its content, as decoded; nothing in it is checked yet.
        binary_start: where the binary chunk of a GLB file begins; 0 if there is none.
        binary_bytes: its length.
    """

    path: Path
    json: Json
    binary_start: int = 0
    binary_bytes: int = 0

    def items(self, name: str) -> list[Json]:
        """A top-level array of objects.

        Raises:
            UnreadableCloud: it is none.
        """
        found = self.json.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise damaged(self.path, f"its {name} are none")
        return found

    def item(self, name: str, index: object) -> Json:
        """One of a top-level array's objects.

        Raises:
            UnreadableCloud: there is none at `index`.
        """
        found = self.json.get(name)
        listed = cast("list[object]", found) if isinstance(found, list) else []
        item = None
        if isinstance(index, int) and 0 <= index < len(listed):
            item = listed[index]
        if not isinstance(item, dict):
            raise damaged(self.path, f"it has no {name} {str(index)[:20]}")
        return cast("Json", item)

    def read_accessor(self, index: object) -> NDArray[np.float32]:
        """The values [N, width] of an accessor; integers that are normalized are fractions.

        Raises:
            UnreadableCloud: it is sparse, compressed, damaged or beyond the file's end.
        """
        accessor = self.item("accessors", index)
        if "sparse" in accessor or "bufferView" not in accessor:
            raise UnreadableCloud(
                f"{self.path.name} has sparse accessors.", "Export it without them."
            )
        try:
            kind = np.dtype(_COMPONENTS[accessor["componentType"]])
            width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
            offset = int(accessor.get("byteOffset", 0))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(self.path, f"accessor {index} is none") from error
        view = self.item("bufferViews", accessor["bufferView"])
        stride = int(view.get("byteStride") or kind.itemsize * width)
        values = self._rows(view, offset, _Rows(count, stride, kind, width))
        return _as_floats(values, kind, bool(accessor.get("normalized")))

    def _rows(self, view: Json, offset: int, rows: _Rows) -> NDArray[np.generic]:
        """[N, width] in the accessor's own type."""
        if view.get("extensions"):
            raise UnreadableCloud(
                f"{self.path.name} is compressed ({', '.join(view['extensions'])}).",
                "Export it without compression.",
            )
        used = rows.kind.itemsize * rows.width
        length = int(view.get("byteLength", 0))
        is_sound = rows.count > 0 and used <= rows.stride <= 255 and offset >= 0
        if not is_sound or offset + (rows.count - 1) * rows.stride + used > length:
            raise damaged(self.path, "an accessor is larger than its buffer view")
        start = int(view.get("byteOffset", 0)) + offset
        data = self._read(view.get("buffer"), start, (rows.count - 1) * rows.stride + used)
        padded = np.zeros(rows.count * rows.stride, np.uint8)
        padded[: len(data)] = data
        columns = padded.reshape(rows.count, rows.stride)[:, :used]
        return np.ascontiguousarray(columns).view(rows.kind)

    def _read(self, buffer: object, start: int, length: int) -> NDArray[np.uint8]:
        uri = self.item("buffers", buffer).get("uri")
        if uri is None and buffer == 0 and self.binary_start:
            if not 0 <= start <= self.binary_bytes - length:
                raise cut_off(self.path)
            return _read_part(self.path, self.binary_start + start, length)
        if not isinstance(uri, str):
            raise damaged(self.path, "a buffer has no content")
        if uri.startswith(_DATA_URI):
            content = self._decode_uri(uri)
            if not 0 <= start <= len(content) - length:
                raise cut_off(self.path)
            return content[start : start + length]
        return _read_part(self._beside(uri), start, length)

    def _decode_uri(self, uri: str) -> NDArray[np.uint8]:
        try:
            content = base64.b64decode(uri.partition(",")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise damaged(self.path, f"a buffer cannot be decoded ({error})") from error
        return np.frombuffer(content, np.uint8)

    def _beside(self, uri: str) -> Path:
        """A buffer's file: in the folder itself, as the glTF file may be anybody's."""
        name = unquote(uri)
        path = self.path.with_name(name) if name and name == Path(name).name else None
        if path is None or "\\" in name or ":" in name or not path.is_file():
            raise UnreadableCloud(
                f"{self.path.name} refers to {name[:80]!r}, which is not beside it.",
                "Keep its files together, or export it as GLB.",
            )
        return path


@dataclass(frozen=True)
class _Rows:
    count: int
    stride: int
    kind: np.dtype[np.generic]
    width: int


def open_gltf(path: Path) -> GltfFile:
    """Read the JSON of a glTF file.

    Raises:
        UnreadableCloud: it is none, or cut off.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if head[:4] != MAGIC:
            file.seek(0)
            return GltfFile(path, _parse(file.read(size), path))
        if len(head) < HEADER.size or len(first := file.read(CHUNK.size)) < CHUNK.size:
            raise cut_off(path)
        length, kind = CHUNK.unpack(first)
        version, total = HEADER.unpack(head)[1:]
        if version != VERSION or kind != JSON_CHUNK or length > MAX_JSON_BYTES:
            raise damaged(path, "it does not begin as a GLB file of version 2 does")
        if total > size or file.tell() + length > size:
            raise cut_off(path)
        content = _parse(file.read(length), path)
        second = file.read(CHUNK.size)
        if len(second) < CHUNK.size or CHUNK.unpack(second)[1] != BINARY_CHUNK:
            return GltfFile(path, content)
        binary_bytes = CHUNK.unpack(second)[0]
        if file.tell() + binary_bytes > size:
            raise cut_off(path)
        return GltfFile(path, content, file.tell(), binary_bytes)


def _parse(text: bytes, path: Path) -> Json:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its JSON cannot be read ({str(error)[:80]})") from error
    if not isinstance(content, dict) or not isinstance(content.get("asset"), Mapping):
        raise damaged(path, "its JSON is not that of glTF")
    return content


def _read_part(path: Path, start: int, length: int) -> NDArray[np.uint8]:
    with path.open("rb") as file:
        if start < 0 or start + length > path.stat().st_size:
            raise cut_off(path)
        file.seek(start)
        return np.fromfile(file, np.uint8, length)


def _as_floats(
    values: NDArray[np.generic], kind: np.dtype[np.generic], normalized: bool
) -> NDArray[np.float32]:
    """Normalized integers are fractions of the largest, -1 at least (glTF 2.0, 3.6.2.2)."""
    floats = values.astype(np.float32)
    if normalized and kind.kind in "iu":
        largest = np.iinfo(np.dtype(kind.str)).max
        return np.maximum(floats / np.float32(largest), -1)
    return floats
