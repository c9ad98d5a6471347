"""Objects of coloured points."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.points import PointCloud
from ..contract.transform import Y_UP_TO_Z_UP
from . import appearance
from .materials import SURFACE_COLOR
from .point_data import PointAttribute, add_point_object
from .surface_colors import to_linear

_MAX_DISTANCES = 4_000_000  # computed at most for the median distance of neighbours
_MAX_QUERIES = 256
_RADIUS_FACTOR = 1.7  # times the median distance of neighbours: leaves few holes in a surface
_LINEAR_OF_BYTE = to_linear(np.linspace(0, 1, 256, dtype=np.float32))  # of each sRGB byte


def add_points(points: PointCloud, name: str, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add an object of `points` (asset frame), rotated to Blender's axes, at the origin.

    Attributes: `Color` (linear, read by the material), `normal` and `radius`.
    """
    turn = Y_UP_TO_Z_UP.T.astype(np.float32)
    positions = points.positions @ turn
    attributes = _attributes(points, points.normals @ turn)
    obj = add_point_object(name, positions, attributes, collection)
    appearance.show_points(obj)
    return obj


def median_neighbor_distance(positions: NDArray[np.float32]) -> float:
    """The median distance of `positions` [N, 3] to their nearest neighbour, sampled; 0 if N < 2."""
    count = len(positions)
    if count < 2:
        return 0.0
    queries = max(1, min(_MAX_QUERIES, count, _MAX_DISTANCES // count))
    chosen = np.linspace(0, count - 1, queries).astype(int)
    nearest = [_nearest_distance(positions, index) for index in chosen]
    return float(np.median(nearest))


def _nearest_distance(positions: NDArray[np.float32], index: int) -> float:
    offsets = positions - positions[index]
    squares = np.einsum("ij,ij->i", offsets, offsets)
    squares[index] = np.inf
    return float(np.sqrt(squares.min()))


def _attributes(points: PointCloud, normals: NDArray[np.float32]) -> Iterator[PointAttribute]:
    colors = np.ones((len(points), 4), np.float32)
    colors[:, :3] = _LINEAR_OF_BYTE[points.colors]
    yield PointAttribute(SURFACE_COLOR, "FLOAT_COLOR", colors)
    yield PointAttribute("normal", "FLOAT_VECTOR", normals)
    radius = _RADIUS_FACTOR * median_neighbor_distance(points.positions) or 0.01
    yield PointAttribute("radius", "FLOAT", np.full(len(points), radius, np.float32))
