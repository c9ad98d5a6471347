"""Visibility and selection of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy


def hide(objects: Iterable[bpy.types.Object]) -> None:
    """Hide `objects` in the viewport and in renders, by the Outliner's eye and camera switches."""
    layer = bpy.context.view_layer
    layer.update()  # new objects are not in it before
    for obj in objects:
        if obj.library is None:
            obj.hide_render = True
        if layer.objects.get(obj.name) == obj:
            obj.hide_set(True)


def transfer_selection(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """If `source` is selected (and active), make `target` so in its place."""
    layer = bpy.context.view_layer
    layer.update()
    if layer.objects.get(source.name) != source or not source.select_get():
        return
    source.select_set(False)
    target.select_set(True)
    if layer.objects.active == source:
        layer.objects.active = target


def select_only(objects: Iterable[bpy.types.Object]) -> None:
    """Select these objects and no others, as far as they are in the view layer, and make the last
    one active."""
    layer = bpy.context.view_layer
    layer.update()
    for obj in layer.objects:
        obj.select_set(False)
    for obj in objects:
        if layer.objects.get(obj.name) == obj:
            obj.select_set(True)
            layer.objects.active = obj


@contextmanager
def preserve_selection() -> Iterator[None]:
    """Restore the user's selection at the end, whatever operators select inside."""
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


@contextmanager
def scene_collection_active() -> Iterator[None]:
    """Operators called inside add to the scene's own collection: the user's may be read-only."""
    layer = bpy.context.view_layer
    active, layer.active_layer_collection = layer.active_layer_collection, layer.layer_collection
    try:
        yield
    finally:
        layer.active_layer_collection = active
