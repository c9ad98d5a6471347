"""Whose data an object has: it may be changed only if nothing else changes with it."""

from __future__ import annotations

from collections.abc import Collection

import bpy

from ..contract.problems import SplatsmithError


class ProtectedSplats(SplatsmithError):
    """Raised when splats must not be changed: linked from a file, or used by several objects."""

    code = "protected-splats"
    title = "These splats cannot be changed"
    status = 422


def check_editable(
    splats: bpy.types.Object,
    isolate_users: bool = False,
    beside: Collection[bpy.types.Object] = (),
) -> None:
    """Check that the data of `splats` may be changed, without changing objects but those `beside`.

    Raises:
        ProtectedSplats: it is linked, or other objects use its data and keep it.
    """
    if not splats.is_editable or not splats.data.is_editable:
        raise ProtectedSplats(
            f"{splats.name!r} is linked from another file.", "Make it local, with its data, first."
        )
    if has_shared_data(splats, beside) and not isolate_users:
        raise ProtectedSplats(
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
