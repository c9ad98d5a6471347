"""Which objects are seen."""

from __future__ import annotations

from collections.abc import Iterable

import bpy


def hide(objects: Iterable[bpy.types.Object]) -> None:
    """Hide `objects` in the viewport and in renders, as their eye and camera icons then show."""
    layer = bpy.context.view_layer
    layer.update()  # or it does not know of new objects yet
    for obj in objects:
        if obj.library is None:
            obj.hide_render = True
        if layer.objects.get(obj.name) == obj:
            obj.hide_set(True)
