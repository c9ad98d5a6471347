"""Gaussian splat objects, with the attribute names of Blender 5.3's native splats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from ..contract import GaussianCloud


def add_splats(
    cloud: GaussianCloud, name: str, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Add an object that shows `cloud` (asset frame), turned into Blender's axes, at the origin."""
    raise NotImplementedError


def read_splats(splats: bpy.types.Object) -> GaussianCloud:
    """The cloud of a splat object in the asset frame, without the object's own transform."""
    raise NotImplementedError
