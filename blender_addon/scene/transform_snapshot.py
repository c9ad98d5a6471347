"""Where an object stands, for what is made from it to stand in the same place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import bpy
from mathutils import Matrix

_CHANNELS = (
    "rotation_mode",
    "location",
    "rotation_euler",
    "rotation_quaternion",
    "rotation_axis_angle",
    "scale",
    "delta_location",
    "delta_rotation_euler",
    "delta_rotation_quaternion",
    "delta_scale",
)
_PARENTING = ("parent_type", "parent_bone", "parent_vertices", "matrix_parent_inverse")


@dataclass(frozen=True)
class Stance:
    """An object's name, transform, parent and collection, as plain values of one moment.

    Datablocks are meant by their session's number: it outlives renaming and undo, which a
    reference does not.
    """

    name: str
    uid: int
    is_constrained: bool
    world: Matrix
    channels: Mapping[str, object]
    parent: int | None
    parenting: Mapping[str, object]
    collection: int | None

    @property
    def object(self) -> bpy.types.Object | None:
        """The object itself, unless it was deleted."""
        return _find(bpy.data.objects, self.uid)

    def now(self) -> Stance:
        """The object's stance of this moment; this one, if it is gone."""
        obj = self.object
        return self if obj is None else stance_of(obj)

    def find_collection(self) -> bpy.types.Collection:
        """The object's collection; the scene's where there is none that can be added to."""
        root = bpy.context.scene.collection
        if self.collection is None:
            return root
        return _find(bpy.data.collections, self.collection) or root

    def give(self, other: bpy.types.Object) -> None:
        """Let `other` stand exactly so, shear and parent included."""
        parent = None if self.parent is None else _find(bpy.data.objects, self.parent)
        if self.is_constrained or (self.parent is not None and parent is None):
            other.matrix_world = self.world
            return
        _set(other, self.channels)
        if parent is not None:
            other.parent = parent
            _set(other, self.parenting)


def stance_of(obj: bpy.types.Object) -> Stance:
    """Where `obj` stands now."""
    bpy.context.view_layer.update()
    return Stance(
        name=obj.name,
        uid=obj.session_uid,
        is_constrained=bool(obj.constraints),
        world=obj.matrix_world.copy(),
        channels={name: _own(getattr(obj, name)) for name in _CHANNELS},
        parent=obj.parent.session_uid if obj.parent else None,
        parenting={name: _own(getattr(obj, name)) for name in _PARENTING},
        collection=_home(obj),
    )


def _home(obj: bpy.types.Object) -> int | None:
    """The first of the object's collections that is this file's own, and no scene's root."""
    own = (c for c in bpy.data.collections if c.library is None and c in obj.users_collection)
    return next((collection.session_uid for collection in own), None)


def _set(obj: bpy.types.Object, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(obj, name, value)


def _find(library: bpy.types.bpy_prop_collection, uid: int) -> bpy.types.ID | None:
    return next((item for item in library if item.session_uid == uid), None)


def _own(value: str | Matrix | Iterable[float]) -> object:
    """A value that does not change with the object any more."""
    if isinstance(value, str):
        return value
    return value.copy() if isinstance(value, Matrix) else tuple(value)
