"""What an object remembers of its making, and how it shows in the asset browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import bpy
import numpy as np

_PREFIX = "splatsmith_"


@dataclass(frozen=True)
class Mark:
    """How an object was made; kept in its custom properties, one each.

    `request` is the request's JSON text, `product` one of splats, mesh and points.
    """

    request: str
    job: str
    engine: str
    product: str


def write_mark(obj: bpy.types.Object, mark: Mark) -> None:
    """Remember in custom properties how `obj` was made."""
    for name, value in asdict(mark).items():
        obj[_PREFIX + name] = value


def read_mark(obj: bpy.types.Object) -> Mark | None:
    """What `write_mark` stored, or None where an object was not made by Splatsmith."""
    values = {field.name: obj.get(_PREFIX + field.name) for field in fields(Mark)}
    return Mark(**values) if all(isinstance(v, str) for v in values.values()) else None


def copy_mark(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Let `target` remember what `source` does, if that has a mark."""
    mark = read_mark(source)
    if mark is not None:
        write_mark(target, mark)


def mark_asset(
    item: bpy.types.Object | bpy.types.Collection,
    description: str = "",
    preview: Path | None = None,
    tags: Sequence[str] = (),
) -> None:
    """Show an object or a collection in the asset browser, with its own preview picture."""
    item.asset_mark()
    item.asset_data.description = description
    for tag in tags:
        item.asset_data.tags.new(tag, skip_if_exists=True)
    if preview is not None:
        _set_preview(item, preview)


def _set_preview(item: bpy.types.ID, picture: Path) -> None:
    image = bpy.data.images.load(str(picture))
    try:
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        preview = item.preview_ensure()
        preview.image_size = image.size
        preview.image_pixels_float.foreach_set(pixels)
    finally:
        bpy.data.images.remove(image)
