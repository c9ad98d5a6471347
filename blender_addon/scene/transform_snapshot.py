"""An object's transform, parent and collection at one moment, to apply to another object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import bpy
from mathutils import Matrix

from .asset_collections import can_receive_objects, scene_collection

_TRANSFORM_PROPERTIES = (
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
_NO_UID = 0  # of no datablock
_PARENT_PROPERTIES = ("parent_type", "parent_bone", "parent_vertices", "matrix_parent_inverse")


@dataclass(frozen=True)
class TransformSnapshot:
    """An object's name, transform, parent and collection, as plain values.

    Datablocks are referred to by `session_uid`: it survives renaming and undo, which a Python
    reference does not.
    """

    name: str
    uid: int
    is_constrained: bool
    world: Matrix
    properties: Mapping[str, object]
    parent: int | None
    parent_properties: Mapping[str, object]
    collection: int | None

    @property
    def object(self) -> bpy.types.Object | None:
        """The object; None if it was deleted."""
        return _find_by_uid(bpy.data.objects, self.uid)

    def updated(self) -> TransformSnapshot:
        """A new snapshot of the object; this one if it was deleted."""
        obj = self.object
        return self if obj is None else snapshot_transform(obj)

    def find_collection(self) -> bpy.types.Collection:
        """The object's collection; the scene's own where that is gone, hidden or read-only.

        Raises:
            LinkedScene: the scene cannot be changed.
        """
        found = _find_by_uid(bpy.data.collections, self.collection)
        if found is not None and can_receive_objects(found):
            return found
        return scene_collection(bpy.context.scene)

    def apply_to(self, other: bpy.types.Object) -> None:
        """Give `other` the same transform, shear and parent included."""
        parent = None if self.parent is None else _find_by_uid(bpy.data.objects, self.parent)
        if self.is_constrained or (self.parent is not None and parent is None):
            other.matrix_world = self.world
            return
        _set_properties(other, self.properties)
        if parent is not None:
            other.parent = parent
            _set_properties(other, self.parent_properties)


def snapshot_members(snapshot: TransformSnapshot) -> dict[str, object]:
    """The name and the place of a snapshot as JSON members; uids mean nothing to other sessions."""
    world = [value for row in snapshot.world for value in row]
    return {"name": snapshot.name, "world": world}


def snapshot_from_members(members: Mapping[str, object]) -> TransformSnapshot | None:
    """What `snapshot_members` wrote: of the object of that name, or else of the place itself.

    None if it is of another version.
    """
    name, world = members.get("name"), members.get("world")
    if not isinstance(name, str) or not isinstance(world, list | tuple) or len(world) != 16:
        return None
    if not all(isinstance(value, int | float) for value in world):
        return None
    obj = bpy.data.objects.get(name)
    if obj is not None and obj.name in bpy.context.view_layer.objects:
        return snapshot_transform(obj)
    values = [float(value) for value in world]
    matrix = Matrix([values[row : row + 4] for row in range(0, 16, 4)])
    return TransformSnapshot(name, _NO_UID, True, matrix, {}, None, {}, None)


def snapshot_transform(obj: bpy.types.Object) -> TransformSnapshot:
    """The transform of `obj` now."""
    bpy.context.view_layer.update()
    return TransformSnapshot(
        name=obj.name,
        uid=obj.session_uid,
        is_constrained=bool(obj.constraints),
        world=obj.matrix_world.copy(),
        properties={name: _copied(getattr(obj, name)) for name in _TRANSFORM_PROPERTIES},
        parent=obj.parent.session_uid if obj.parent else None,
        parent_properties={name: _copied(getattr(obj, name)) for name in _PARENT_PROPERTIES},
        collection=_own_collection(obj),
    )


def _own_collection(obj: bpy.types.Object) -> int | None:
    """The first of the object's collections that can receive others and is no scene's own."""
    own = (c for c in bpy.data.collections if c in obj.users_collection and can_receive_objects(c))
    return next((collection.session_uid for collection in own), None)


def _set_properties(obj: bpy.types.Object, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(obj, name, value)


def _find_by_uid(library: bpy.types.bpy_prop_collection, uid: int | None) -> bpy.types.ID | None:
    return next((item for item in library if item.session_uid == uid), None)


def _copied(value: str | Matrix | Iterable[float]) -> object:
    """A copy that does not change with the object."""
    if isinstance(value, str):
        return value
    return value.copy() if isinstance(value, Matrix) else tuple(value)
