"""Splat files that lie in several files on the disk, as the one file that can be uploaded.

A .gltf file names its buffers, and the meta.json of a SOG asset its images; they become a GLB file
and a bundled .sog file.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..contract.problems import UnreadableCloud

SOG_META = "meta.json"
_DATA_URI = "data:"
_ALIGNMENT = 4  # of chunks in GLB files


def packed(path: Path, folder: Path) -> Path:
    """`path`, or a new file in `folder` with `path` and all that it refers to.

    Raises:
        UnreadableCloud: a file that it refers to is missing, or it is no JSON.
        OSError: a file cannot be read or written.
    """
    if path.name.lower() == SOG_META:
        return _bundled_sog(path, folder / "splats.sog")
    if path.suffix.lower() == ".gltf":
        return _glb(path, folder / "splats.glb")
    return path


def _bundled_sog(meta: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.write(meta, SOG_META)
        for name in dict.fromkeys(_file_names(_read_json(meta))):
            archive.write(_beside(meta, name), name)
    return target


def _file_names(value: object) -> Iterator[str]:
    """The strings in all lists called "files"."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "files" and isinstance(member, list):
                yield from (name for name in member if isinstance(name, str))
            else:
                yield from _file_names(member)


def _glb(path: Path, target: Path) -> Path:
    document = _read_json(path)
    buffers = [_buffer(path, each) for each in document.get("buffers", [])]
    starts = [0]
    for data in buffers:
        starts.append(starts[-1] + len(_padded(data, b"\0")))
    for view in document.get("bufferViews", []):
        index = view.get("buffer", 0)
        if not isinstance(index, int) or not 0 <= index < len(buffers):
            raise UnreadableCloud(f"{path.name} names a buffer that it lacks.", "Export it again.")
        view["byteOffset"] = view.get("byteOffset", 0) + starts[index]
        view["buffer"] = 0
    document["buffers"] = [{"byteLength": starts[-1]}] if buffers else []
    text = _padded(json.dumps(document).encode(), b" ")
    binary = b"".join(_padded(data, b"\0") for data in buffers)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    target.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return target


def _buffer(path: Path, buffer: dict[str, Any]) -> bytes:
    uri = str(buffer.get("uri", ""))
    if not uri.startswith(_DATA_URI):
        return _beside(path, unquote(uri)).read_bytes()
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise UnreadableCloud(f"{path.name} has a damaged buffer.", "Export it again.") from error


def _beside(path: Path, name: str) -> Path:
    found = path.parent / name
    if not name or not found.is_file():
        raise UnreadableCloud(
            f"{path.name} needs the file {name or 'of its buffer'}, which is not beside it.",
            "Copy all files of the asset into one folder.",
        )
    return found


def _read_json(path: Path) -> Any:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnreadableCloud(f"{path.name} is damaged: {error}.", "Export it again.") from error
    if not isinstance(document, dict):
        raise UnreadableCloud(f"{path.name} is damaged.", "Export it again.")
    return document


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % _ALIGNMENT)
