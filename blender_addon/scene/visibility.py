"""Which objects are seen, and which are selected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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


def hand_selection_on(source: bpy.types.Object, heir: bpy.types.Object) -> None:
    """Select `heir` in place of `source`, if that is selected, and make it the active object."""
    layer = bpy.context.view_layer
    layer.update()
    if layer.objects.get(source.name) != source or not source.select_get():
        return
    source.select_set(False)
    heir.select_set(True)
    if layer.objects.active == source:
        layer.objects.active = heir


@contextmanager
def selection_kept() -> Iterator[None]:
    """Whatever operators select inside, the user's own selection is there again at the end."""
    layer = bpy.context.view_layer
    active, selected = layer.objects.active, {obj for obj in layer.objects if obj.select_get()}
    try:
        yield
    finally:
        layer.update()
        for obj in layer.objects:
            if obj.select_get() != (obj in selected):
                obj.select_set(obj in selected)
        layer.objects.active = active
