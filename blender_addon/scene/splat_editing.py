"""Crop, floaters and the limit of splats: what is found is deleted, or selected for Edit Mode."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import bpy
import numpy as np

from ..contract.cloud import OnProgress, ignore_progress
from ..contract.problems import InvalidRequest
from .crop_objects import crop_volume
from .point_deletion import check_deletable, keep_points
from .progress_parts import each_with_progress
from .splat_selection import (
    CropSide,
    FloaterCriteria,
    FloaterSearch,
    Mask,
    floater_search,
    floaters,
    least_visible,
    outside_of_crop,
)
from .splats import BASE, NoSplats, is_splats

DEFAULT_CRITERIA = FloaterCriteria()


class NothingLeft(InvalidRequest):
    """Raised when an edit would delete all splats of an object."""

    code = "nothing-left"
    title = "No splats would be left"


class SplatAction(StrEnum):
    """What becomes of the splats that an edit finds."""

    DELETE = "delete"
    SELECT = "select"  # for Edit Mode


@dataclass(frozen=True)
class EditCount:
    """How many splats an edit found, of how many."""

    found: int
    total: int

    def __str__(self) -> str:
        return f"{self.found:,} of {self.total:,} splats"


def crop_splats(
    splats: Collection[bpy.types.Object],
    crop: bpy.types.Object,
    side: CropSide = CropSide.INSIDE,
    *,
    whole: bool = False,
    action: SplatAction = SplatAction.DELETE,
    on_progress: OnProgress = ignore_progress,
) -> EditCount:
    """Delete the splats that are not on one `side` of a box, sphere or other convex object.

    `crop` is an empty shown as a cube or a sphere, or a closed convex mesh; a mesh whose vertices
    are on an ellipsoid is that ellipsoid. Transforms of both objects count. A splat is where its
    centre is; with `whole`, its extent of three standard deviations must be on that side.

    Raises:
        NoCropVolume: `crop` has no such volume.
        NoSplats, NotEditable, NothingLeft: nothing was changed.
    """
    volume = crop_volume(crop)
    crop_one = partial(outside_of_crop, volume=volume, side=side, whole=whole)
    return _edit(splats, lambda obj, part: crop_one(obj, on_progress=part), action, on_progress)


def delete_floaters(
    splats: Collection[bpy.types.Object],
    criteria: FloaterCriteria = DEFAULT_CRITERIA,
    *,
    action: SplatAction = SplatAction.DELETE,
    on_progress: OnProgress = ignore_progress,
) -> EditCount:
    """Delete splats that are nearly transparent, very large or far from all others.

    on_progress: told the share that is done; what it raises ends the call before anything is
    changed.

    Raises:
        NoSplats, NotEditable, NothingLeft: nothing was changed.
    """
    return _edit(splats, lambda obj, part: floaters(obj, criteria, part), action, on_progress)


def search_floaters(
    splats: Collection[bpy.types.Object], criteria: FloaterCriteria = DEFAULT_CRITERIA
) -> FloaterSearch | None:
    """The long part of `delete_floaters`, to be run before it on another thread; None if none.

    Raises:
        NoSplats, NotEditable: see `delete_floaters`.
    """
    check_splats(splats)
    return floater_search(splats, criteria)


def limit_splats(
    splats: Collection[bpy.types.Object],
    count: int,
    *,
    action: SplatAction = SplatAction.DELETE,
) -> EditCount:
    """Keep the `count` splats of each object that hide most, in their order.

    Raises:
        InvalidRequest: `count` is below 1.
        NoSplats, NotEditable: nothing was changed.
    """
    return _edit(splats, lambda obj, _: least_visible(obj, count), action)


def count_splats(obj: bpy.types.Object) -> int:
    """The number of an object's splats."""
    return len(obj.data.attributes[BASE].data)


def check_splats(objects: Collection[bpy.types.Object]) -> None:
    """Check that all `objects` are splats that can be edited.

    Raises:
        NoSplats: one of them has none, or there is no object.
        NotEditable: Blender does not let one be changed.
    """
    if not objects:
        raise NoSplats("No splats are selected.", "Select Gaussian splats.")
    for obj in objects:
        if is_splats(obj):
            check_deletable(obj)  # before they are counted: Edit Mode has the data of meshes
        if not is_splats(obj) or not count_splats(obj):
            raise NoSplats(f"{obj.name!r} has no splats.", "Select Gaussian splats.")


def _edit(
    objects: Collection[bpy.types.Object],
    find: Callable[[bpy.types.Object, OnProgress], Mask],
    action: SplatAction,
    on_progress: OnProgress = ignore_progress,
) -> EditCount:
    """Find splats in all objects before the first is changed."""
    check_splats(objects)
    masks = {obj: find(obj, part) for obj, part in each_with_progress(objects, on_progress)}
    if action is SplatAction.SELECT:
        _select(masks)
    else:
        _delete(masks)
    found = sum(int(np.count_nonzero(mask)) for mask in masks.values())
    return EditCount(found, sum(len(mask) for mask in masks.values()))


def _delete(masks: Mapping[bpy.types.Object, Mask]) -> None:
    for obj, mask in masks.items():
        if mask.all():
            raise NothingLeft(
                f"{obj.name!r} would lose all its splats, so nothing was deleted.",
                "Choose what finds fewer of them.",
            )
    for obj, mask in masks.items():
        if mask.any():
            keep_points(obj, ~mask)


def _select(masks: Mapping[bpy.types.Object, Mask]) -> None:
    """Write the selection that Edit Mode begins with."""
    for obj, mask in masks.items():
        name = ".select_vert" if obj.type == "MESH" else ".selection"
        attributes = obj.data.attributes
        selection = attributes.get(name) or attributes.new(name, "BOOLEAN", "POINT")
        selection.data.foreach_set("value", mask)
        obj.data.update_tag()
