"""Splats as an export sees them in the scene."""

from __future__ import annotations

import bpy

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.up_axis import UpAxis
from blender_addon.exporting.splat_source import copy_splats


def read_world_splats(splats: bpy.types.Object) -> GaussianCloud:
    """The cloud of a splat object in Blender's axes, with its transform."""
    return copy_splats([splats], UpAxis.Z).cloud()
