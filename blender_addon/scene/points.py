"""Coloured points, drawn round."""

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

_DISTANCES = 4_000_000  # measured at most to learn the points' spacing
_QUERIES = 256
_RADIUS = 1.7  # of the typical distance between neighbours: closes a randomly sampled surface
_LINEAR = to_linear(np.linspace(0, 1, 256, dtype=np.float32))  # light of each sRGB byte


def add_points(points: PointCloud, name: str, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add an object that shows `points` (asset frame), turned into Blender's axes, at the origin.

    Attributes: `Color` (linear, shown by the material), `normal` and `radius`.
    """
    turn = Y_UP_TO_Z_UP.T.astype(np.float32)
    positions = points.positions @ turn
    attributes = _attributes(points, points.normals @ turn)
    obj = add_point_object(name, positions, attributes, collection)
    appearance.show_points(obj)
    return obj


def neighbor_distance(positions: NDArray[np.float32]) -> float:
    """The median distance from one of `positions` [N, 3] to the nearest other; 0 if N < 2."""
    count = len(positions)
    if count < 2:
        return 0.0
    queries = max(1, min(_QUERIES, count, _DISTANCES // count))
    chosen = np.linspace(0, count - 1, queries).astype(int)
    nearest = [_nearest(positions, index) for index in chosen]
    return float(np.median(nearest))


def _nearest(positions: NDArray[np.float32], index: int) -> float:
    offsets = positions - positions[index]
    squares = np.einsum("ij,ij->i", offsets, offsets)
    squares[index] = np.inf
    return float(np.sqrt(squares.min()))


def _attributes(points: PointCloud, normals: NDArray[np.float32]) -> Iterator[PointAttribute]:
    colors = np.ones((len(points), 4), np.float32)
    colors[:, :3] = _LINEAR[points.colors]
    yield PointAttribute(SURFACE_COLOR, "FLOAT_COLOR", colors)
    yield PointAttribute("normal", "FLOAT_VECTOR", normals)
    radius = _RADIUS * neighbor_distance(points.positions) or 0.01
    yield PointAttribute("radius", "FLOAT", np.full(len(points), radius, np.float32))
