"""Points put onto the level of a density field, on the field's device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..extraction.surface.sparse_volume import VoxelGrid
from ..gaussians.numba_jit import Floats
from .field_function import FieldFunction

_EDGE_STEPS = 4  # of regula falsi; a smooth field converges in two or three
_MIN_SHARE = 0.1  # of an edge, between a vertex and the ends
_NEWTON_STEPS = 4
_MAX_STEP = 0.5  # voxels in one Newton step
_DIFFERENCE = 0.25  # voxels to either side of a point, for its gradient
_TINY = 1e-30


def refine_on_edges(vertices: Floats, function: FieldFunction, grid: VoxelGrid) -> Floats:
    """Marching cubes' vertices [V, 3] moved onto the level.

    They move along their grid edges; those on edges that do not cross the level, as those of filled
    cavities, stay. Near a grid point the vertices of several edges would meet, and the slivers
    between them keep edges from being collapsed: there they keep their distance from the grid point
    and move along the gradient.
    """
    refined = function.on_device(vertices.copy())
    starts, edges = _grid_edges(refined, grid)
    at_starts, at_ends = function.signed_at(starts), function.signed_at(starts + edges)
    crossing = torch.nonzero((at_starts < 0) != (at_ends < 0))[:, 0]
    starts, edges = starts[crossing], edges[crossing]
    shares = _find_roots(
        lambda shares: function.signed_at(starts + edges * shares[:, None]),
        at_starts[crossing],
        at_ends[crossing],
    )
    clipped = shares.clamp(_MIN_SHARE, 1 - _MIN_SHARE)
    moved = starts + edges * clipped[:, None]
    near = torch.nonzero(clipped != shares)[:, 0]
    moved[near] = _projected(moved[near], function, grid.voxel_size)
    refined[crossing] = moved
    return refined.cpu().numpy()


def _grid_edges(vertices: Tensor, grid: VoxelGrid) -> tuple[Tensor, Tensor]:
    """The grid edges that marching cubes' vertices [V, 3] lie on: their starts, and to their ends.

    Both [V, 3].
    """
    origin = torch.from_numpy(grid.origin).to(vertices.device)
    cells = (vertices - origin) / grid.voxel_size
    corners = cells.round()
    axis = (cells - corners).abs().argmax(dim=1, keepdim=True)
    corners.scatter_(1, axis, cells.gather(1, axis).floor())
    edges = torch.zeros_like(corners).scatter_(1, axis, grid.voxel_size)
    return corners * grid.voxel_size + origin, edges


def _find_roots(function: Callable[[Tensor], Tensor], at_zero: Tensor, at_one: Tensor) -> Tensor:
    """[N] roots in 0..1, by regula falsi with the Illinois weights (Dowell and Jarratt 1971).

    Args:
        at_zero, at_one: [N] values at 0 and at 1, of opposite signs.
    """
    a, b = torch.zeros_like(at_zero), torch.ones_like(at_one)
    fa, fb = at_zero, at_one
    for _ in range(_EDGE_STEPS):
        root = _secant_root(a, b, fa, fb)
        value = function(root)
        crosses = (value < 0) != (fb < 0)
        a, fa = torch.where(crosses, b, a), torch.where(crosses, fb, fa / 2)
        b, fb = root, value
    return _secant_root(a, b, fa, fb).clamp(0, 1)


def _secant_root(a: Tensor, b: Tensor, fa: Tensor, fb: Tensor) -> Tensor:
    return b - fb * (b - a) / (fb - fa)


def project_to_level(points: Floats, function: FieldFunction, voxel_size: float) -> Floats:
    """Points [N, 3] moved along the field's gradient onto the level, by Newton's method.

    Those that it leads away from the level stay.
    """
    return _projected(function.on_device(points), function, voxel_size).cpu().numpy()


def _projected(points: Tensor, function: FieldFunction, voxel_size: float) -> Tensor:
    start = at_moved = function.signed_at(points)
    moved = points
    for _ in range(_NEWTON_STEPS):
        gradients = _gradients(moved, function, _DIFFERENCE * voxel_size)
        squared = gradients.square().sum(dim=1).clamp(min=_TINY)
        steps = gradients * (at_moved / squared)[:, None]
        lengths = torch.linalg.vector_norm(steps, dim=1, keepdim=True)
        steps *= (_MAX_STEP * voxel_size / lengths.clamp(min=_TINY)).clamp(max=1)
        moved = moved - steps
        at_moved = function.signed_at(moved)
    improved = at_moved.abs() <= start.abs()
    return torch.where(improved[:, None], moved, points)


def field_normals(points: Floats, function: FieldFunction, voxel_size: float) -> Floats:
    """[N, 3] outward unit normals of the field's levels through `points` [N, 3]."""
    on_device = function.on_device(points)
    gradients = _gradients(on_device, function, _DIFFERENCE * voxel_size)
    lengths = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
    return (gradients / lengths.clamp(min=_TINY)).cpu().numpy()


def _gradients(points: Tensor, function: FieldFunction, distance: float) -> Tensor:
    """[N, 3] of level - density, by central differences."""
    offsets = distance * torch.eye(3, device=points.device)
    both = torch.cat([offsets, -offsets])
    values = function.signed_at((points + both[:, None]).reshape(-1, 3)).reshape(2, 3, -1)
    return (values[0] - values[1]).T / (2 * distance)
