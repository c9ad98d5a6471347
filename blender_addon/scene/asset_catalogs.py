"""Catalogs of assets, and the file in which Blender finds them.

An asset carries the UUID of its catalog. Which path that is stands in `blender_assets.cats.txt`, at
the root of the asset library that holds the .blend file, or beside a file that is in none. The
format: Blender's manual, Asset Catalogs, "Format of Catalog Definition Files".
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..contract.files import atomic_write
from ..contract.problems import SplatsmithError

CATALOG_FILE = "blender_assets.cats.txt"
VERSION = "VERSION 1"
HEADER = f"# Asset catalogs for Blender: UUID:path:name\n\n{VERSION}\n\n"
_FOREIGN = "surrogateescape"  # bytes that are no UTF-8 stay as they are
_ROOT = "Splatsmith"
_NAMESPACE = uuid.UUID("6f1d2a52-3b52-4c8e-9d55-5b0d7a3e41c7")  # of our engines' catalogs


@dataclass(frozen=True)
class Catalog:
    """A catalog; `path` has a slash between a catalog and those within it."""

    id: str
    path: str

    @property
    def line(self) -> str:
        return f"{self.id}:{self.path}:{self.path.replace('/', '-')}"


class CatalogNotWritten(SplatsmithError):
    """Raised when the file of catalogs cannot be extended."""

    code = "catalog-not-written"
    title = "The catalog cannot be written"
    status = 507


def engine_catalog(engine: str, title: str) -> Catalog:
    """The catalog of an engine: the same UUID in every file."""
    plain = re.sub(r"\(.*?\)|[/:]", " ", title)  # without remarks such as "(built in)"
    name = " ".join(plain.split()) or engine
    return Catalog(str(uuid.uuid5(_NAMESPACE, engine)), f"{_ROOT}/{name}")


def catalog_file() -> Path | None:
    """The file with the catalogs of the open .blend file; None before that is saved."""
    if not bpy.data.filepath:
        return None
    folder = Path(bpy.path.abspath(bpy.data.filepath)).resolve().parent
    libraries = bpy.context.preferences.filepaths.asset_libraries
    roots = [Path(bpy.path.abspath(each.path)).resolve() for each in libraries if each.path]
    holders = [root for root in roots if folder.is_relative_to(root)]
    return (holders[0] if holders else folder) / CATALOG_FILE


def define_catalog(file: Path, catalog: Catalog) -> bool:
    """Add `catalog` to `file`, unless its UUID is there; all else stays as it is.

    Returns whether it was added.

    Raises:
        CatalogNotWritten: `file` is none of catalogs, of another version, or cannot be written.
    """
    try:
        text = _read(file)
        if any(line.split(":")[0].lower() == catalog.id for line in _definitions(file, text)):
            return False
        text = text if not text or text.endswith("\n") else f"{text}\n"
        with atomic_write(file) as part:
            part.write_bytes(f"{text or HEADER}{catalog.line}\n".encode("utf-8", _FOREIGN))
    except OSError as error:
        raise CatalogNotWritten(
            f"{file} cannot be written ({error.strerror}).", "Save into another folder."
        ) from error
    return True


def _read(file: Path) -> str:
    """The text with its own line ends; empty without a file."""
    return file.read_bytes().decode("utf-8", _FOREIGN) if file.exists() else ""


def _definitions(file: Path, text: str) -> list[str]:
    """The lines that define catalogs."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines and lines[0] != VERSION:
        raise CatalogNotWritten(
            f"{file} begins with {lines[0][:40]!r}, not with {VERSION!r}.",
            "Add the catalog in the asset browser.",
        )
    return lines[1:]
