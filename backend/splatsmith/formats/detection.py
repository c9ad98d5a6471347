"""Which splat format a file has, by its content: names lie, and uploads have none."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..contract.problems import UnreadableCloud
from ..contract.splat_formats import TRAITS, SplatFormat, format_of_name
from . import compressed_ply, ksplat, splat, spz
from .gltf_file import MAGIC as GLB_MAGIC

_HEAD_BYTES = 1 << 16
_GLTF_KEYS = (b'"asset"', b'"buffers"', b'"scenes"', b'"nodes"', b'"accessors"')
_SOG_KEYS = (b'"means"', b'"quats"')


def detect_format(path: Path) -> SplatFormat:
    """The format of a splat file, or of a folder with a SOG asset.

    .splat and .ksplat files have no magic number; they are known by values that no other file has
    by chance, and failing that by their name.

    Raises:
        UnreadableCloud: it is no splat file.
        OSError: it cannot be opened.
    """
    if path.is_dir():
        return SplatFormat.SOG
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    size = path.stat().st_size
    if not head:
        raise UnreadableCloud(f"{path.name} is empty.", "Choose another file.")
    found = _by_magic(head, path) or _by_values(head, size)
    if found is None and format_of_name(path.name) in (SplatFormat.SPLAT, SplatFormat.KSPLAT):
        found = format_of_name(path.name)
    if found is None:
        titles = ", ".join(traits.title for traits in TRAITS.values())
        raise UnreadableCloud(
            f"{path.name} is not a splat file.", f"These kinds can be read: {titles}."
        )
    return found


def _by_magic(head: bytes, path: Path) -> SplatFormat | None:
    if head[:3] == b"ply" and head[3:4].isspace():
        packed = compressed_ply.is_compressed_ply(head)
        return SplatFormat.COMPRESSED_PLY if packed else SplatFormat.PLY
    if head[:2] == spz.GZIP_MAGIC or head[:4] == spz.MAGIC:
        return SplatFormat.SPZ
    if head[:4] == GLB_MAGIC:
        return SplatFormat.GLTF
    if head[:8] == b"PXR-USDC" or head[:5] == b"#usda":
        return SplatFormat.USD
    if head[:4] == b"PK\3\4":
        return _packed(path)
    if head.lstrip()[:1] == b"{":
        return _json(head)
    return None


def _packed(path: Path) -> SplatFormat:
    """A ZIP file: USDZ packages begin with a USD file, SOG bundles have a meta.json."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return SplatFormat.SOG  # whose reader says what is wrong
    is_usd = bool(names) and names[0].lower().endswith((".usd", ".usda", ".usdc"))
    return SplatFormat.USD if is_usd else SplatFormat.SOG


def _json(head: bytes) -> SplatFormat | None:
    if all(key in head for key in _SOG_KEYS):
        return SplatFormat.SOG
    return SplatFormat.GLTF if any(key in head for key in _GLTF_KEYS) else None


def _by_values(head: bytes, size: int) -> SplatFormat | None:
    if ksplat.is_ksplat(head, size):
        return SplatFormat.KSPLAT
    return SplatFormat.SPLAT if splat.is_splat(head, size) else None
