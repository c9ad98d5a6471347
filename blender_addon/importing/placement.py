"""Where an asset is put: its location and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..contract.bounds import Box, bounding_box
from ..contract.cloud import GaussianCloud

_GRID_SPACING = 1.5  # times the assets' size


@dataclass(frozen=True)
class Placement:
    """Where an asset is put on the ground, and its longest edge in metres.

    location: None is the 3D cursor's.
    """

    location: tuple[float, float, float] | None = None
    size: float = 1.0

    def resolve(self) -> Placement:
        """This placement with the cursor's present location filled in."""
        return replace(self, location=self.current_location())

    def current_location(self) -> tuple[float, float, float]:
        """The location, or the cursor's present one."""
        if self.location is not None:
            return self.location
        x, y, z = bpy.context.scene.cursor.location
        return x, y, z


def grid_placements(count: int, placement: Placement) -> list[Placement]:
    """A square grid, row by row, from `placement` along +X and +Y."""
    x, y, z = placement.current_location()
    columns = math.ceil(math.sqrt(count))
    step = _GRID_SPACING * placement.size
    return [
        Placement((x + step * (i % columns), y + step * (i // columns), z), placement.size)
        for i in range(count)
    ]


def cloud_bounds(cloud: GaussianCloud) -> Box:
    """The robust bounds of a cloud (asset frame), in Blender's axes: floaters do not count."""
    box = bounding_box(cloud)
    (x0, y0, z0), (x1, y1, z1) = box.lower, box.upper
    return Box(np.array([x0, -z1, y0], np.float32), np.array([x1, -z0, y1], np.float32))


def object_bounds(obj: bpy.types.Object) -> Box:
    """The bounds of an object, without its transform."""
    corners = np.array(obj.bound_box, np.float32)
    return Box(corners.min(axis=0), corners.max(axis=0))


def place_objects(
    objects: Sequence[bpy.types.Object],
    bounds: Box,
    location: Sequence[float],
    size: float | None = None,
) -> None:
    """Put all products of one asset at `location` (world, e.g. `scene.cursor.location`).

    All get one location and uniform scale, which put the bottom centre of `bounds` at `location`.
    `size` is the longest edge in metres; None keeps the engine's units as metres.
    """
    longest = float((bounds.upper - bounds.lower).max())
    scale = size / longest if size is not None and longest > 0 else 1.0
    middle = (bounds.lower + bounds.upper) / 2
    bottom_center = np.array([middle[0], middle[1], bounds.lower[2]], np.float32)
    origin = np.asarray(location, np.float32) - scale * bottom_center
    for obj in objects:
        obj.location = origin.tolist()
        obj.scale = (scale,) * 3
