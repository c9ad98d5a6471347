"""Whose data an object has: it may be changed only if nothing else changes with it."""

from __future__ import annotations

from collections.abc import Collection

import bpy

from ..contract.problems import SplatsmithError


class NotEditable(SplatsmithError):
    """Raised when the data of an object must not be changed, or cannot be by scripts."""

    code = "not-editable"
    title = "The object cannot be changed"
    status = 409


def check_local(obj: bpy.types.Object) -> None:
    """Check that `obj` and its data belong to this file.

    Raises:
        NotEditable: one of them is linked.
    """
    if not obj.is_editable or not obj.data.is_editable:
        raise NotEditable(
            f"{obj.name!r} is linked from another file.", "Make it local, with its data, first."
        )


def check_editable(
    splats: bpy.types.Object,
    isolate_users: bool = False,
    beside: Collection[bpy.types.Object] = (),
) -> None:
    """Check that the data of `splats` may be changed, without changing objects but those `beside`.

    Raises:
        NotEditable: it is linked, or other objects use its data and keep it.
    """
    check_local(splats)
    if has_shared_data(splats, beside) and not isolate_users:
        raise NotEditable(
            f"{splats.name!r} shares its splats with other objects.",
            "Choose Isolate Multi-User Data, or Object > Relations > Make Single User.",
        )


def has_shared_data(obj: bpy.types.Object, beside: Collection[bpy.types.Object] = ()) -> bool:
    """Whether objects other than those `beside` use the same data."""
    known = sum(other.data == obj.data for other in {obj, *beside})
    return obj.data.users - obj.data.use_fake_user > known


def make_single_user(obj: bpy.types.Object) -> None:
    """Give `obj` data of its own."""
    if has_shared_data(obj):
        obj.data = obj.data.copy()
