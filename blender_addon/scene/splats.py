"""Gaussian splat objects, with the attribute names of Blender 5.3's native splats.

The data, harmonics included, are rotated from the asset frame to Blender's axes and scaled on
import, and the object keeps only a location: Blender's Apply Transform changes positions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

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
    rotate_vectors,
    transform_cloud,
)
from . import appearance
from .point_data import PointAttribute, add_point_object, read_attributes
from .rest_positions import rest_positions

IS_NATIVE = "type" in bpy.types.PointCloud.bl_rna.properties
SPLAT_TYPE = "GAUSSIAN_SPLAT"  # of native point clouds
BASE = "radiance:base"  # the three raw DC coefficients and the opacity 0..1
BASE_TYPE = "FLOAT_COLOR"  # Blender's own importers write FLOAT4, which 4.5 and 5.0 drop
HARMONIC = "radiance:sh_{}"
ATTRIBUTE_WIDTHS = {"position": 3, "scale": 3, "rotation": 4, BASE: 4}  # values per point
SPLAT_ATTRIBUTES = ATTRIBUTE_WIDTHS.keys() - {"position"}  # which other points lack
_BLOCK = 16_384  # rows at a time, which stay in the processor's cache
_HARMONIC_COUNTS = (24, 15, 8, 3, 0)  # of coefficients beyond DC, by falling degree


class NoSplats(SplatsmithError):
    """Raised when an object has no splats, or cannot be read."""

    code = "no-splats"
    title = "These are no splats"
    status = 422


def add_splats(
    cloud: GaussianCloud,
    name: str,
    collection: bpy.types.Collection,
    scale: float | Callable[[], float] = 1.0,
) -> bpy.types.Object:
    """Add an object of `cloud` (asset frame), in Blender's axes, `scale` times as large.

    A function that returns the scale is called after all that does not depend on it is done.
    """
    obj = add_point_object(name, len(cloud), _attributes(cloud, scale), collection)
    if IS_NATIVE:
        obj.data.type = SPLAT_TYPE
    else:
        appearance.show_splats(obj, len(cloud))
    return obj


def is_splats(obj: bpy.types.Object) -> bool:
    """Whether `obj` has the attributes of splats, from whatever program."""
    attributes = getattr(obj.data, "attributes", {})
    return obj.type in ("MESH", "POINTCLOUD") and all(
        name in attributes for name in SPLAT_ATTRIBUTES
    )


def is_drawn_natively(obj: bpy.types.Object) -> bool:
    """Whether Blender draws the splats of `obj` itself."""
    return IS_NATIVE and obj.type == "POINTCLOUD" and obj.data.type == SPLAT_TYPE


def copy_splat_attributes(splats: bpy.types.Object) -> Mapping[str, NDArray[np.float32]]:
    """The splats' attributes by name, as arrays that any thread may use.

    Raises:
        NoSplats: the object is not a splat object, is empty, or is being edited.
    """
    if splats.mode == "EDIT":
        raise NoSplats(f"{splats.name!r} is being edited.", "Leave its Edit Mode first.")
    values = read_attributes(splats.data) if is_splats(splats) else {}
    if BASE in values and not len(values[BASE]):
        raise NoSplats(f"{splats.name!r} is empty.", "Select an object with splats in it.")
    none = np.empty(0, np.float32)
    if any(
        values.get(name, none).shape[1:] != (width,) for name, width in ATTRIBUTE_WIDTHS.items()
    ):
        raise NoSplats(f"{splats.name!r} is no splat object.", "Select Gaussian splats.")
    return values


def cloud_from_attributes(values: Mapping[str, NDArray[np.float32]]) -> GaussianCloud:
    """The cloud (asset frame) of what `copy_splat_attributes` returned."""
    return transform_cloud(stored_cloud(values), Y_UP_TO_Z_UP.T)


def read_splats(splats: bpy.types.Object) -> GaussianCloud:
    """The cloud of a splat object in the asset frame, without the object's own transform.

    Raises:
        NoSplats: see `copy_splat_attributes`.
    """
    return cloud_from_attributes(copy_splat_attributes(splats))


def stored_cloud(values: Mapping[str, NDArray[np.float32]]) -> GaussianCloud:
    """The cloud of what `copy_splat_attributes` returned, in the object's own axes."""
    harmonics = [values[name] for name in harmonics_in(values)]
    none = np.empty((0, len(values[BASE]), 3), np.float32)
    return GaussianCloud(
        means=values["position"],
        quats=values["rotation"],
        scales=values["scale"],
        opacities=np.ascontiguousarray(values[BASE][:, 3]),
        sh0=np.ascontiguousarray(values[BASE][:, :3]),
        shN=(np.stack(harmonics) if harmonics else none).transpose(1, 0, 2),
    )


def harmonics_in(values: Collection[str]) -> list[str]:
    """The names of the coefficients present, up to the last complete band."""
    names = [HARMONIC.format(k) for k in range(_HARMONIC_COUNTS[0])]
    return next(
        names[:count] for count in _HARMONIC_COUNTS if all(n in values for n in names[:count])
    )


def _attributes(
    cloud: GaussianCloud, scale: float | Callable[[], float]
) -> Iterator[PointAttribute]:
    """Computed one at a time in the same memory, since clouds are large and new memory takes time.

    The next attribute overwrites an attribute, except for the rest positions.
    """
    turn = quaternion(Y_UP_TO_Z_UP)
    values = multiply_quaternions(turn, cloud.quats)
    yield PointAttribute("rotation", "QUATERNION", values)
    yield PointAttribute(BASE, BASE_TYPE, _base(cloud, values))
    del values
    yield from (
        PointAttribute(HARMONIC.format(k), "FLOAT_VECTOR", plane)
        for k, plane in enumerate(rotated_planes(cloud.shN, Y_UP_TO_Z_UP))
    )
    factor = scale() if callable(scale) else scale
    values = cloud.scales * np.float32(factor)
    yield PointAttribute("scale", "FLOAT_VECTOR", values)
    positions = rotate_vectors(cloud.means, factor * Y_UP_TO_Z_UP, values)
    yield PointAttribute("position", "FLOAT_VECTOR", positions)
    yield rest_positions(positions)


def _base(cloud: GaussianCloud, base: NDArray[np.float32]) -> NDArray[np.float32]:
    for start in range(0, len(cloud), _BLOCK):
        rows = slice(start, start + _BLOCK)
        base[rows, :3], base[rows, 3] = cloud.sh0[rows], cloud.opacities[rows]
    return base
