"""Which files the add-on reads itself, and which the backend has to convert; told by content."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import BinaryIO

from ..contract.ply import open_vertices
from ..contract.problems import UnreadableCloud
from ..contract.splat_formats import TRAITS, format_of_name
from ..link.upload_packing import SOG_META

_PLY, _GLB = b"ply", b"glTF"
_OTHER_MAGICS = (b"NGSP", b"\x1f\x8b", b"PK\x03\x04", b"PXR-USDC", b"#usda")  # SPZ, zips, USD
_MAGIC_BYTES = 8  # the longest of these
_SPLAT_EXTENSION = "KHR_gaussian_splatting"
_PACKED = "packed_position"  # of compressed PLY
_MAX_JSON_BYTES = 1 << 26


def is_read_here(path: Path) -> bool:
    """Whether `path` is a plain splat or point PLY, or a glTF mesh.

    Raises:
        UnreadableCloud: it cannot be opened, is damaged, or of no kind that the backend reads.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_MAGIC_BYTES)
            document = _gltf_document(file, start, path.suffix)
    except OSError as error:
        raise UnreadableCloud(f"{path} cannot be read: {error.strerror}.", "Check it.") from error
    if start.startswith(_PLY):
        return _PACKED not in open_vertices(path).names
    if document is not None:
        return not _has_splats(document)
    is_named = format_of_name(path.name) is not None or path.name.lower() == SOG_META
    if not is_named and not start.startswith(_OTHER_MAGICS):
        known = ", ".join(traits.suffixes[0] for traits in TRAITS.values())
        raise UnreadableCloud(f"{path.name} is no splat file.", f"Choose one of: {known}.")
    return False


def _gltf_document(file: BinaryIO, start: bytes, suffix: str) -> bytes | None:
    """The JSON of a glTF file that begins with `start`; None if it is none."""
    if start.startswith(_GLB):
        return _glb_json(file)
    if suffix.lower() != ".gltf":
        return None
    file.seek(0)
    return file.read(_MAX_JSON_BYTES)


def _glb_json(file: BinaryIO) -> bytes:
    """The first chunk, which is JSON in every GLB file."""
    file.seek(12)
    header = file.read(8)
    length = struct.unpack("<I", header[:4])[0] if len(header) == 8 else 0
    return file.read(min(length, _MAX_JSON_BYTES))


def _has_splats(text: bytes) -> bool:
    """Whether a glTF document uses the extension for splats; damaged ones are left to the mesh's
    reader, which says what is wrong."""
    try:
        document = json.loads(text)
    except ValueError:
        return False
    used = document.get("extensionsUsed", []) if isinstance(document, dict) else []
    return _SPLAT_EXTENSION in used
