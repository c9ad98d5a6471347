"""Objects and collections in Blender's asset browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np


def add_to_asset_browser(
    item: bpy.types.Object | bpy.types.Collection,
    description: str = "",
    preview: Path | None = None,
    tags: Sequence[str] = (),
) -> None:
    """Mark an object or a collection as an asset, with an image file as its preview."""
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
