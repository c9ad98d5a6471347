"""Coloured points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from ..contract import PointCloud


def add_points(points: PointCloud, name: str, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add an object that shows `points` (asset frame), turned into Blender's axes, at the origin."""
    raise NotImplementedError
