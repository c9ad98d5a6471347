"""Contexts in which Blender's operators act on one object, whatever the user has selected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def only_selected(obj: bpy.types.Object) -> Iterator[None]:
    """Operators called inside act on `obj` alone, in the user's scene or an isolated one.

    Context overrides are not safe while other threads run Python (Blender 4.5 and 5.0 crash in
    about one of a thousand calls), so they are used only while the user edits an object, and for
    hidden ones.
    """
    layer, objects = bpy.context.view_layer, bpy.context.scene.collection.objects
    if obj.users_collection:
        layer.update()  # objects that were just added are not in it before
    is_new = layer.objects.get(obj.name) != obj
    if bpy.context.mode != "OBJECT" or not (is_new or obj.visible_get()):
        with isolated_scene(obj):
            yield
        return
    active, selected = layer.objects.active, [o for o in layer.objects if o.select_get()]
    if is_new:
        objects.link(obj)
    try:
        for each in selected:
            each.select_set(False)
        obj.select_set(True)
        layer.objects.active = obj
        yield
    finally:
        obj.select_set(False)
        if is_new:
            objects.unlink(obj)
        for each in selected:
            each.select_set(True)
        layer.objects.active = active


@contextmanager
def isolated_scene(obj: bpy.types.Object) -> Iterator[None]:
    """Operators called inside act on `obj` alone, in a temporary scene.

    In the user's scene they refuse to run while an object is being edited or is hidden.
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
