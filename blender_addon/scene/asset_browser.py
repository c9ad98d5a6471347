"""Objects and collections in Blender's asset browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

NO_CATALOG = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class AssetDetails:
    """What the asset browser shows of an asset.

    preview: an image file. catalog: its UUID; empty to leave the asset where it is.
    """

    description: str = ""
    author: str = ""
    licence: str = ""
    tags: tuple[str, ...] = ()
    catalog: str = ""
    preview: Path | None = None


def add_to_asset_browser(
    item: bpy.types.Object | bpy.types.Collection, details: AssetDetails
) -> None:
    """Mark an object or a collection as an asset.

    Of one that is marked already, the author and the catalog stay as the user has chosen them.
    """
    item.asset_mark()
    data = item.asset_data
    data.description, data.license = details.description, details.licence
    data.author = data.author or details.author
    for tag in details.tags:
        data.tags.new(tag, skip_if_exists=True)
    if details.catalog and data.catalog_id == NO_CATALOG:
        data.catalog_id = details.catalog
    if details.preview is not None:
        _set_preview(item, details.preview)


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
