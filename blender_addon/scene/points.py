"""Objects of coloured points."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.bounds import Box
from ..contract.points import PointCloud
from ..contract.transform import Y_UP_TO_Z_UP, rotate_vectors
from . import appearance
from .materials import SURFACE_COLOR
from .point_data import PointAttribute, add_point_object
from .surface_colors import to_linear

_MAX_DISTANCES = 4_000_000  # computed at most for the median distance of neighbours
_MAX_QUERIES = 256
_RADIUS_FACTOR = 1.7  # times the median distance of neighbours: leaves few holes in a surface
_LINEAR_OF_BYTE = to_linear(np.linspace(0, 1, 256, dtype=np.float32))  # of each sRGB byte


def add_points(
    points: PointCloud, name: str, collection: bpy.types.Collection, scale: float = 1.0
) -> bpy.types.Object:
    """Add an object of `points` (asset frame), in Blender's axes, `scale` times as large.

    Attributes: `Color` (linear, read by the material), `radius`, and `normal` if they have any.
    """
    obj = add_point_object(name, len(points), _attributes(points, scale), collection)
    appearance.show_points(obj)
    return obj


def points_bounds(points: PointCloud) -> Box:
    """The bounds of `points` (asset frame) as `add_points` shows them, in Blender's axes."""
    positions, radius = rotate_vectors(points.positions, Y_UP_TO_Z_UP), _radius(points)
    if not len(positions):
        return Box(np.zeros(3, np.float32), np.zeros(3, np.float32))
    return Box(positions.min(axis=0) - radius, positions.max(axis=0) + radius)


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


def _attributes(points: PointCloud, scale: float) -> Iterator[PointAttribute]:
    positions = rotate_vectors(points.positions, scale * Y_UP_TO_Z_UP)
    yield PointAttribute("position", "FLOAT_VECTOR", positions)
    colors = np.ones((len(points), 4), np.float32)
    colors[:, :3] = _LINEAR_OF_BYTE[points.colors]
    yield PointAttribute(SURFACE_COLOR, "FLOAT_COLOR", colors)
    if points.has_normals:
        normals = rotate_vectors(points.normals, Y_UP_TO_Z_UP)
        yield PointAttribute("normal", "FLOAT_VECTOR", normals)
    radii = np.full(len(points), scale * _radius(points), np.float32)
    yield PointAttribute("radius", "FLOAT", radii)


def _radius(points: PointCloud) -> float:
    return _RADIUS_FACTOR * median_neighbor_distance(points.positions) or 0.01
