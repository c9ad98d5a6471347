"""Contexts in which Blender's operators act on given objects, whatever the user has selected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def only_selected(active: bpy.types.Object, *others: bpy.types.Object) -> Iterator[None]:
    """Operators called inside act on these objects alone, in the user's scene or an isolated one.

    Context overrides are not safe while other threads run Python (Blender 4.5 and 5.0 crash in
    about one of a thousand calls), so they are used only while the user edits an object, or where
    an object cannot be selected.
    """
    objects = (active, *others)
    layer, root = bpy.context.view_layer, bpy.context.scene.collection.objects
    if any(each.users_collection for each in objects):
        layer.update()  # 5.3 lists objects that were just linked only then
    present = set(layer.objects)
    if bpy.context.mode != "OBJECT" or any(
        each in present and _is_hidden(each) for each in objects
    ):
        with isolated_scene(*objects):
            yield
        return
    new = [each for each in objects if each not in present]
    before, selected = layer.objects.active, [o for o in layer.objects if o.select_get()]
    for each in new:
        root.link(each)
    try:
        _select(objects)
        layer.objects.active = active
        yield
    finally:
        # Operators may have removed objects, which must not be touched then.
        _select([each for each in layer.objects if each in selected])
        for each in [each for each in root if each in new]:
            root.unlink(each)
        layer.objects.active = before if before in set(layer.objects) else None


@contextmanager
def isolated_scene(active: bpy.types.Object, *others: bpy.types.Object) -> Iterator[None]:
    """Operators called inside act on these objects alone, in a temporary scene.

    In the user's scene they refuse to run while an object is being edited or is hidden.
    """
    objects = [active, *others]
    scene = bpy.data.scenes.new(active.name)
    for each in objects:
        scene.collection.objects.link(each)
    try:
        with bpy.context.temp_override(
            scene=scene,
            view_layer=scene.view_layers[0],
            object=active,
            active_object=active,
            selected_objects=objects,
            selected_editable_objects=objects,
        ):
            yield
    finally:
        bpy.data.scenes.remove(scene)


def _is_hidden(obj: bpy.types.Object) -> bool:
    return obj.hide_select or not obj.visible_get()


def _select(objects: Iterable[bpy.types.Object]) -> None:
    """Select `objects` and nothing else."""
    for each in bpy.context.view_layer.objects:
        each.select_set(False)
    for each in objects:
        each.select_set(True)
