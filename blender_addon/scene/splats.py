"""Gaussian splat objects, with the attribute names of Blender 5.3's native splats.

Data are turned from the asset frame to Blender's axes once and for all, harmonics included:
objects keep only a location and one scale, since Blender turns neither scales nor harmonics when a
transform is applied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.harmonics import rotated_planes
from ..contract.problems import SplatsmithError
from ..contract.transform import (
    Y_UP_TO_Z_UP,
    multiply_quaternions,
    quaternion,
    transform_cloud,
)
from . import appearance
from .point_data import FLOAT4, PointAttribute, add_point_object, read_attributes

IS_NATIVE = "type" in bpy.types.PointCloud.bl_rna.properties
BASE = "radiance:base"  # three raw constant harmonics, and the opacity 0..1
HARMONIC = "radiance:sh_{}"
WIDTHS = {"position": 3, "scale": 3, "rotation": 4, BASE: 4}  # what makes a splat, per point
OWN = WIDTHS.keys() - {"position"}  # which empty points lack
_COUNTS = (24, 15, 8, 3, 0)  # of the harmonics, by falling degree


class NoSplats(SplatsmithError):
    """Raised when an object that splats are wanted of has none to give."""

    code = "no-splats"
    title = "These are no splats"
    status = 422


def add_splats(
    cloud: GaussianCloud, name: str, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Add an object that shows `cloud` (asset frame), turned into Blender's axes, at the origin."""
    positions = cloud.means @ Y_UP_TO_Z_UP.T.astype(np.float32)
    obj = add_point_object(name, positions, _attributes(cloud), collection)
    if IS_NATIVE:
        obj.data.type = "GAUSSIAN_SPLAT"
    else:
        appearance.show_splats(obj, len(cloud))
    return obj


def is_splats(obj: bpy.types.Object) -> bool:
    """Whether `obj` has a splat's attributes, whoever made it."""
    attributes = getattr(obj.data, "attributes", {})
    return obj.type in ("MESH", "POINTCLOUD") and all(name in attributes for name in OWN)


def copy_splats(splats: bpy.types.Object) -> Mapping[str, NDArray[np.float32]]:
    """The splats' attributes by name, copied out of Blender: quick, and safe in any thread then.

    Raises:
        NoSplats: the object is not one of splats, has none, or is being edited.
    """
    if splats.mode == "EDIT":
        raise NoSplats(f"{splats.name!r} is being edited.", "Leave its Edit Mode first.")
    values = read_attributes(splats.data) if is_splats(splats) else {}
    if BASE in values and not len(values[BASE]):
        raise NoSplats(f"{splats.name!r} is empty.", "Select an object with splats in it.")
    none = np.empty(0, np.float32)
    if any(values.get(name, none).shape[1:] != (width,) for name, width in WIDTHS.items()):
        raise NoSplats(f"{splats.name!r} is no splat object.", "Select Gaussian splats.")
    return values


def cloud_of(values: Mapping[str, NDArray[np.float32]]) -> GaussianCloud:
    """The cloud (asset frame) of attributes that `copy_splats` has copied."""
    harmonics = [values[name] for name in _harmonics_in(values)]
    none = np.empty((len(values[BASE]), 0, 3), np.float32)
    cloud = GaussianCloud(
        means=values["position"],
        quats=values["rotation"],
        scales=values["scale"],
        opacities=np.ascontiguousarray(values[BASE][:, 3]),
        sh0=np.ascontiguousarray(values[BASE][:, :3]),
        shN=np.stack(harmonics, axis=1) if harmonics else none,
    )
    return transform_cloud(cloud, Y_UP_TO_Z_UP.T)


def read_splats(splats: bpy.types.Object) -> GaussianCloud:
    """The cloud of a splat object in the asset frame, without the object's own transform.

    Raises:
        NoSplats: see `copy_splats`.
    """
    return cloud_of(copy_splats(splats))


def _harmonics_in(values: Collection[str]) -> list[str]:
    """The names of all harmonics that are there, up to the last whole band."""
    names = [HARMONIC.format(k) for k in range(_COUNTS[0])]
    return next(names[:count] for count in _COUNTS if all(n in values for n in names[:count]))


def _attributes(cloud: GaussianCloud) -> Iterator[PointAttribute]:
    """All but the position, turned, each made only when it is asked for: clouds are large."""
    yield PointAttribute("scale", "FLOAT_VECTOR", cloud.scales)
    quats = multiply_quaternions(quaternion(Y_UP_TO_Z_UP), cloud.quats)
    yield PointAttribute("rotation", "QUATERNION", quats)
    base = np.concatenate([cloud.sh0, cloud.opacities[:, None]], axis=1)
    yield PointAttribute(BASE, FLOAT4, base)
    for k, plane in enumerate(rotated_planes(cloud.shN, Y_UP_TO_Z_UP)):
        yield PointAttribute(HARMONIC.format(k), "FLOAT_VECTOR", plane)
