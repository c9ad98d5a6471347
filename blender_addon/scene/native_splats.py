"""Splats that Blender draws itself, from 5.3 on: what older files hold becomes such splats."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import cast

import bpy
import numpy as np

from ..contract.cloud import GaussianCloud
from ..contract.harmonics import rotated_planes
from ..contract.problems import SplatsmithError
from ..contract.transform import Y_UP_TO_Z_UP
from . import appearance
from .operator_context import only_selected
from .point_data import PointAttribute, read_attribute, to_point_cloud, write_attribute
from .splats import BASE, BASE_TYPE, IS_NATIVE, SPLAT_TYPE, is_drawn_natively, is_splats

_CYCLES_LIMIT = 1.0  # of a harmonic coefficient, beyond which Cycles cuts it off
_SAMPLES = 1 << 14  # Gaussians at most of which a share is told
_CYCLES_DEGREE = 3
_CYCLES_COEFFICIENTS = 15  # of that degree, beyond the constant one


class NotNative(SplatsmithError):
    """Raised when splats cannot become native ones."""

    code = "not-native"
    title = "The splats stay as they are"
    status = 409


def has_older_form(obj: bpy.types.Object) -> bool:
    """Whether `obj` is splats that `make_native` changes.

    Nodes draw them, or their base has the type that older Blenders lose.
    """
    if not is_splats(obj):
        return False
    if not is_drawn_natively(obj) or appearance.find_splat_modifier(obj) is not None:
        return True
    return obj.data.attributes[BASE].data_type != BASE_TYPE


def make_native(objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Turn splat objects of older files into native ones; returns those that were changed.

    Opacity and size that were set in the modifier are multiplied into the splats. Objects that
    share their data go on sharing it, as long as these are the same.

    Raises:
        NotNative: this Blender has none, or an object cannot be changed; none is changed then.
    """
    chosen = [obj for obj in objects if has_older_form(obj)]
    for obj in chosen:
        _check(obj)
    converted: dict[tuple[int, float, float], bpy.types.PointCloud] = {}
    for obj in chosen:
        opacity, size = _take_modifier(obj)
        key = (obj.data.session_uid, opacity, size)
        if key in converted:
            _assign(obj, converted[key])
        else:
            converted[key] = _convert(obj, opacity, size)
    return chosen


def harmonics_notes(cloud: GaussianCloud) -> tuple[str, ...]:
    """Sentences on the harmonics of `cloud` (asset frame) that Cycles will not show as they are.

    Of large clouds some Gaussians are looked at, evenly spread.
    """
    sample = cloud.shN[:: 1 + len(cloud) // _SAMPLES]
    planes = islice(rotated_planes(sample, Y_UP_TO_Z_UP), _CYCLES_COEFFICIENTS)
    cut = np.zeros(len(sample), np.bool_)
    for plane in planes:
        cut |= (np.abs(plane) > _CYCLES_LIMIT).any(axis=1)
    notes: list[str] = []
    if cut.any():
        notes.append(
            f"{_percentage(float(cut.mean()))} of the Gaussians have harmonics beyond \u00b11, "
            "where Cycles cuts them off: their colors change less with the view than in the file."
        )
    if cloud.degree > _CYCLES_DEGREE:
        notes.append("Cycles shows the harmonics up to degree 3; those of degree 4 are kept.")
    return tuple(notes)


def _percentage(share: float) -> str:
    """A share of samples in words: "12 %", "Less than 1 %"."""
    return "Less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _check(obj: bpy.types.Object) -> None:
    if not IS_NATIVE:
        raise NotNative(
            "This Blender does not draw splats itself.", "Open the file in Blender 5.3 or later."
        )
    if obj.library or obj.override_library or obj.data.library or obj.data.override_library:
        raise NotNative(
            f"{obj.name!r} is linked from another file.", "Make the object and its data local."
        )
    if obj.mode != "OBJECT":
        raise NotNative(f"{obj.name!r} is being edited.", "Change to Object Mode.")
    ours = appearance.find_splat_modifier(obj)
    if obj.type == "MESH" and any(modifier != ours for modifier in obj.modifiers):
        raise NotNative(
            f"{obj.name!r} has other modifiers, which its vertices would lose.",
            "Apply or remove them.",
        )


def _take_modifier(obj: bpy.types.Object) -> tuple[float, float]:
    """Remove our modifier; returns its opacity and size."""
    modifier = appearance.find_splat_modifier(obj)
    if modifier is None:
        return 1.0, 1.0
    opacity = cast("float", appearance.get_modifier_input(modifier, "Opacity"))
    size = cast("float", appearance.get_modifier_input(modifier, "Size"))
    obj.modifiers.remove(modifier)
    return opacity, size


def _convert(obj: bpy.types.Object, opacity: float, size: float) -> bpy.types.PointCloud:
    if obj.type == "MESH":
        with only_selected(obj):
            to_point_cloud(obj)
    elif obj.data.users > 1:
        obj.data = obj.data.copy()
    _multiply(obj.data, opacity, size)
    obj.data.type = SPLAT_TYPE
    obj.data.update_tag()
    return obj.data


def _assign(obj: bpy.types.Object, data: bpy.types.PointCloud) -> None:
    if obj.type == "MESH":
        with only_selected(obj):
            to_point_cloud(obj)
    unused, obj.data = obj.data, data
    if not unused.users:
        bpy.data.batch_remove([unused])


def _multiply(data: bpy.types.PointCloud, opacity: float, size: float) -> None:
    """Multiply opacities and sizes, and give the base the type that survives in older Blenders."""
    base = read_attribute(data.attributes[BASE])
    base[:, 3] = np.minimum(base[:, 3] * np.float32(opacity), 1)
    write_attribute(data, PointAttribute(BASE, BASE_TYPE, base))
    if size != 1:
        scales = read_attribute(data.attributes["scale"]) * np.float32(size)
        write_attribute(data, PointAttribute("scale", "FLOAT_VECTOR", scales))
