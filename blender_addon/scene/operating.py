"""Blender's operators on one object, without regard to what the user is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


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
