"""Where splats were when their shapes were last right: tells what Blender did to them since.

Blender's Apply, Join, Realize Instances and Edit Mode move the attribute `position` alone: scales,
rotations and harmonics stay, so turned splats stick out like spines. A second attribute keeps the
positions at rest. It moves with its points through every copy, join, deletion and conversion, and
the affine map from rest to the present is what the shapes have missed.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.transform import transform_points
from .affine_parts import find_common_map
from .point_data import PointAttribute, PointData, read_attribute, write_attribute

REST_POSITION = ".splatsmith:rest_position"  # hidden in Blender's lists, as the dot is in front
_ROUNDINGS = 8 * 2.0**-24  # of a few products and sums of float32
_PROBES, _PROBE = 12, 8  # runs of so many points, which the panel looks at


def rest_positions(positions: NDArray[np.float32]) -> PointAttribute:
    """The attribute of splats whose shapes are right at `positions` [N, 3]."""
    return PointAttribute(REST_POSITION, "FLOAT_VECTOR", positions)


def has_rest_positions(data: PointData) -> bool:
    """Whether turns of splats can be told, of some at least."""
    return REST_POSITION in data.attributes


def read_rest_positions(data: PointData) -> NDArray[np.float32] | None:
    """[N, 3]; None if `data` has none, as splats of other programs."""
    attribute = data.attributes.get(REST_POSITION)
    return None if attribute is None else read_attribute(attribute)


def write_rest_positions(data: PointData, rest: NDArray[np.float32]) -> None:
    """Store `rest` [N, 3], whether or not `data` has rest positions."""
    write_attribute(data, rest_positions(rest))


def rest_or(positions: NDArray[np.float32], data: PointData) -> NDArray[np.float32]:
    """The rest positions of `data` [N, 3]; where it has none, `positions`."""
    rest = read_rest_positions(data)
    if rest is None:
        return positions
    return np.where(has_rest(rest)[:, None], rest, positions)


def moved_rest(
    rest: NDArray[np.float32], positions: NDArray[np.float32], matrix: NDArray[np.float64]
) -> NDArray[np.float32]:
    """`rest` [N, 3] moved by `matrix` as splats were, shapes included, that are at `positions` now.

    Those that were at rest are so again, exactly: Blender rounds otherwise than this does.
    """
    moved = transform_points(rest, matrix)
    reach = np.append(np.abs(rest).max(axis=0, initial=0), 1)
    size = (np.abs(matrix[:3]) * reach).sum(axis=1).max()
    near = (np.abs(moved - positions) <= _ROUNDINGS * size).all(axis=1)
    return np.where(near[:, None], positions, moved)


def has_rest(rest: NDArray[np.floating]) -> NDArray[np.bool_]:
    """[N], which rows of `rest` [N, 3] were ever stored: Blender fills the others with zeros."""
    return np.any(rest, axis=1)


def looks_turned(data: PointData) -> bool:
    """Whether splats probably need a repair, from a few of them: quick enough to draw a panel.

    Each of a dozen runs of points is tried, since joined splats follow one another.
    """
    positions, rest = data.attributes.get("position"), data.attributes.get(REST_POSITION)
    if positions is None or rest is None or len(rest.data) != len(positions.data):
        return False
    last = max(0, len(rest.data) - _PROBE)
    starts = sorted({round(share * last) for share in np.linspace(0, 1, _PROBES)})
    return any(_is_turned(positions, rest, start) for start in starts)


def _is_turned(positions: bpy.types.Attribute, rest: bpy.types.Attribute, start: int) -> bool:
    rows = range(start, min(start + _PROBE, len(rest.data)))
    before = np.array([rest.data[row].vector for row in rows], np.float32)
    after = np.array([positions.data[row].vector for row in rows], np.float32)
    known = has_rest(before)
    if np.array_equal(before, after):
        return False
    part = find_common_map(before[known], after[known])
    return part is not None and part.is_linear
