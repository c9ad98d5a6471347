"""Gaussian splat objects, with the attribute names of Blender 5.3's native splats.

Data are turned from the asset frame to Blender's axes once and for all, harmonics included:
objects keep only a location and one scale, since Blender turns neither scales nor harmonics when a
transform is applied.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from ..contract.cloud import GaussianCloud
from ..contract.harmonics import turn_planes
from ..contract.transform import (
    Y_UP_TO_Z_UP,
    multiply_quaternions,
    quaternion,
    transform_cloud,
)
from . import appearance
from .datablocks import FLOAT4, PointAttribute, add_point_object, read_attributes

IS_NATIVE = "type" in bpy.types.PointCloud.bl_rna.properties
BASE = "radiance:base"  # three raw constant harmonics, and the opacity 0..1
HARMONIC = "radiance:sh_{}"


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


def read_splats(splats: bpy.types.Object) -> GaussianCloud:
    """The cloud of a splat object in the asset frame, without the object's own transform.

    Raises:
        ValueError: the object is not one of splats.
    """
    values = read_attributes(splats.data) if hasattr(splats.data, "attributes") else {}
    if BASE not in values:
        raise ValueError(f"{splats.name!r} is no splat object: it has no attribute {BASE!r}")
    harmonics = [values[HARMONIC.format(k)] for k in range(24) if HARMONIC.format(k) in values]
    empty = np.empty((len(values[BASE]), 0, 3), np.float32)
    cloud = GaussianCloud(
        means=values["position"],
        quats=values["rotation"],
        scales=values["scale"],
        opacities=np.ascontiguousarray(values[BASE][:, 3]),
        sh0=np.ascontiguousarray(values[BASE][:, :3]),
        shN=np.stack(harmonics, axis=1) if harmonics else empty,
    )
    return transform_cloud(cloud, Y_UP_TO_Z_UP.T)


def _attributes(cloud: GaussianCloud) -> Iterator[PointAttribute]:
    """All but the position, turned, each made only when it is asked for: clouds are large."""
    yield PointAttribute("scale", "FLOAT_VECTOR", cloud.scales)
    quats = multiply_quaternions(quaternion(Y_UP_TO_Z_UP), cloud.quats)
    yield PointAttribute("rotation", "QUATERNION", quats)
    base = np.concatenate([cloud.sh0, cloud.opacities[:, None]], axis=1)
    yield PointAttribute(BASE, FLOAT4, base)
    for k, plane in enumerate(turn_planes(cloud.shN, Y_UP_TO_Z_UP)):
        yield PointAttribute(HARMONIC.format(k), "FLOAT_VECTOR", plane)
