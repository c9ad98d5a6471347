"""Blender's operators on one object, without regard to what the user is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def selected(obj: bpy.types.Object) -> Iterator[None]:
    """Operators called inside act on `obj` alone, in the user's scene, or `apart` from it.

    An overridden context is not safe while other threads run Python (Blender 4.5 and 5.0 crash in
    one call of about a thousand), so it is not overridden unless an object is being edited.
    """
    if bpy.context.mode != "OBJECT":
        with apart(obj):
            yield
        return
    layer, objects = bpy.context.view_layer, bpy.context.scene.collection.objects
    chosen, active = [each for each in layer.objects if each.select_get()], layer.objects.active
    objects.link(obj)
    try:
        for each in chosen:
            each.select_set(False)
        obj.select_set(True)
        layer.objects.active = obj
        yield
    finally:
        obj.select_set(False)
        objects.unlink(obj)
        for each in chosen:
            each.select_set(True)
        layer.objects.active = active


@contextmanager
def apart(obj: bpy.types.Object) -> Iterator[None]:
    """Operators called inside act on `obj` alone, in a scene of its own.

    In the user's scene they refuse to work while an object is edited or hidden.
    """
    scene = bpy.data.scenes.new(obj.name)
    scene.collection.objects.link(obj)
    try:
        with bpy.context.temp_override(
            scene=scene,
            view_layer=scene.view_layers[0],
            object=obj,
            active_object=obj,
            selected_objects=[obj],
            selected_editable_objects=[obj],
        ):
            yield
    finally:
        bpy.data.scenes.remove(scene)
