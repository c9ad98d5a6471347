"""Points put onto the level of a density field."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..extraction.surface.sparse_volume import VoxelGrid
from ..gaussians.numba_jit import Floats
from .field_function import FieldFunction

_EDGE_STEPS = 4  # of regula falsi; a smooth field converges in two or three
_MIN_SHARE = 0.1  # of an edge, between a vertex and the ends
_NEWTON_STEPS = 4
_MAX_STEP = 0.5  # voxels in one Newton step
_DIFFERENCE = 0.25  # voxels to either side of a point, for its gradient
_TINY = np.float32(1e-30)


def refine_on_edges(vertices: Floats, function: FieldFunction, grid: VoxelGrid) -> Floats:
    """Marching cubes' vertices [V, 3] moved onto the level.

    They move along their grid edges; those on edges that do not cross the level, as those of filled
    cavities, stay. Near a grid point the vertices of several edges would meet, and the slivers
    between them keep edges from being collapsed: there they keep their distance from the grid point
    and move along the gradient.
    """
    voxel = np.float32(grid.voxel_size)
    cells = (vertices - grid.origin) / voxel
    rows, axis = np.arange(len(cells)), np.abs(cells - np.rint(cells)).argmax(axis=1)
    corners = np.rint(cells)
    corners[rows, axis] = np.floor(cells[rows, axis])
    edges = np.zeros_like(corners)
    edges[rows, axis] = voxel
    starts = corners * voxel + grid.origin
    at_starts, at_ends = function.signed(starts), function.signed(starts + edges)
    crossing = np.flatnonzero((at_starts < 0) != (at_ends < 0))
    starts, edges = starts[crossing], edges[crossing]
    shares = _find_roots(
        lambda shares: function.signed(starts + edges * shares[:, None]),
        at_starts[crossing],
        at_ends[crossing],
    )
    clipped = np.clip(shares, _MIN_SHARE, 1 - _MIN_SHARE)
    moved = starts + edges * clipped[:, None]
    near = clipped != shares
    moved[near] = project_to_level(moved[near], function, grid.voxel_size)
    refined = vertices.copy()
    refined[crossing] = moved
    return refined


def _find_roots(function: Callable[[Floats], Floats], at_zero: Floats, at_one: Floats) -> Floats:
    """[N] roots in 0..1, by regula falsi with the Illinois weights (Dowell and Jarratt 1971).

    Args:
        at_zero, at_one: [N] values at 0 and at 1, of opposite signs.
    """
    a: Floats = np.zeros_like(at_zero)
    b: Floats = np.ones_like(at_one)
    fa, fb = at_zero, at_one
    for _ in range(_EDGE_STEPS):
        root = _secant_root(a, b, fa, fb)
        value = function(root)
        crosses = (value < 0) != (fb < 0)
        a, fa = np.where(crosses, b, a), np.where(crosses, fb, fa / 2)
        b, fb = root, value
    return np.clip(_secant_root(a, b, fa, fb), np.float32(0), np.float32(1))


def _secant_root(a: Floats, b: Floats, fa: Floats, fb: Floats) -> Floats:
    return np.subtract(b, fb * (b - a) / (fb - fa), dtype=np.float32)


def project_to_level(points: Floats, function: FieldFunction, voxel_size: float) -> Floats:
    """Points [N, 3] moved along the field's gradient onto the level, by Newton's method.

    Those that it leads away from the level stay.
    """
    start, moved = function.signed(points), points.copy()
    limit = np.float32(_MAX_STEP * voxel_size)
    for _ in range(_NEWTON_STEPS):
        gradients = _gradients(moved, function, _DIFFERENCE * voxel_size)
        squared = np.maximum((gradients**2).sum(axis=1), _TINY)
        steps = gradients * (function.signed(moved) / squared)[:, None]
        lengths = np.linalg.norm(steps, axis=1, keepdims=True)
        steps *= np.minimum(np.float32(1), limit / np.maximum(lengths, _TINY))
        moved -= steps
    improved = np.abs(function.signed(moved)) <= np.abs(start)
    return np.where(improved[:, None], moved, points)


def field_normals(points: Floats, function: FieldFunction, voxel_size: float) -> Floats:
    """[N, 3] outward unit normals of the field's levels through `points` [N, 3]."""
    gradients = _gradients(points, function, _DIFFERENCE * voxel_size)
    return gradients / np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), _TINY)


def _gradients(points: Floats, function: FieldFunction, distance: float) -> Floats:
    """[N, 3] of level - density, by central differences."""
    gradients = np.empty_like(points)
    for axis in range(3):
        offset = np.zeros(3, np.float32)
        offset[axis] = distance
        ahead, behind = function.signed(points + offset), function.signed(points - offset)
        gradients[:, axis] = (ahead - behind) / np.float32(2 * distance)
    return gradients
