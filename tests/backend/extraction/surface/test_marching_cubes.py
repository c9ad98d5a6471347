"""Marching cubes over sparse volumes, against analytic surfaces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import trimesh

from splatsmith.extraction.surface.marching_cubes import marching_cubes
from splatsmith.extraction.surface.marching_cubes_table import EDGE_AXES, EDGE_CORNERS, cell_table
from splatsmith.extraction.surface.sparse_volume import (
    BLOCK_SIZE,
    OUTSIDE,
    SparseVolume,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)
from splatsmith.gaussians.numba_jit import Floats

GRID = VoxelGrid.covering(1.0, 0.05, np.zeros(3, np.float32))


def positions(coords: np.ndarray) -> Floats:
    """[m, SIDE, SIDE, SIDE, 3] of the voxels of blocks."""
    steps = np.stack(np.meshgrid(*[np.arange(BLOCK_SIZE)] * 3, indexing="ij"), axis=-1)
    voxels = coords[:, None, None, None] * BLOCK_SIZE + steps
    return (GRID.origin + GRID.voxel_size * voxels).astype(np.float32)


def ball(coords: np.ndarray, _codes: np.ndarray) -> Floats:
    return (np.linalg.norm(positions(coords), axis=-1) - 0.7).clip(-0.15, 0.15) / 0.15


def noise(coords: np.ndarray, _codes: np.ndarray) -> Floats:
    """Random signs inside a box: every case of a cell."""
    random = np.random.default_rng(3)
    inner = (np.abs(positions(coords)) < 0.6).all(axis=-1)
    return np.where(inner, random.uniform(-1, 1, inner.shape), 1).astype(np.float32)


def volume_of(fill: object, requested: np.ndarray | None = None) -> SparseVolume:
    index = np.full(GRID.blocks, OUTSIDE, np.int32)
    if requested is None:
        requested = np.ones(GRID.blocks, np.bool_)
    return allocate_blocks(uniform_volume(GRID, index), requested, fill)  # type: ignore[arg-type]


def as_trimesh(volume: SparseVolume) -> trimesh.Trimesh:
    surface = marching_cubes(volume)
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def test_a_ball_is_closed_and_has_its_volume() -> None:
    mesh = as_trimesh(volume_of(ball))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.01)
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 0.7).max() < 0.1 * GRID.voxel_size


def test_blocks_grow_until_the_surface_is_whole() -> None:
    requested = np.zeros(GRID.blocks, np.bool_)
    middle = np.array(GRID.blocks) // 2
    requested[middle[0], middle[1], -3] = True  # one block at the ball's side
    volume = volume_of(ball, requested)
    assert len(volume.coords) < requested.size / 2
    mesh = as_trimesh(volume)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.01)


def test_noise_gives_a_closed_manifold() -> None:
    mesh = as_trimesh(volume_of(noise))
    assert len(mesh.faces) > 10_000
    assert mesh.is_watertight
    assert mesh.is_winding_consistent


def test_a_half_is_cut_exactly_in_the_plane() -> None:
    half = marching_cubes(volume_of(ball), GRID.column(0.0))
    assert half.vertices[:, 0].min() == 0
    mesh = trimesh.Trimesh(half.vertices, half.faces, process=False)
    assert mesh.area == pytest.approx(2 * np.pi * 0.7**2, rel=0.02)


def test_unknown_voxels_leave_the_surface_open() -> None:
    def half_known(coords: np.ndarray, codes: np.ndarray) -> Floats:
        return np.where(positions(coords)[..., 1] > 0, ball(coords, codes), np.float32(np.nan))

    surface = marching_cubes(volume_of(half_known))
    assert surface.vertices[:, 1].min() > 0
    assert not trimesh.Trimesh(surface.vertices, surface.faces, process=False).is_watertight


@pytest.mark.parametrize("inside", range(256))
def test_cells_separate_their_corners(inside: int) -> None:
    """All crossed edges are used, and triangle sides twice or in a face of the cell."""
    triangles = [tuple(t) for t in cell_table()[inside] if t[0] >= 0]
    crossed = {
        e
        for e, (corner, axis) in enumerate(zip(EDGE_CORNERS, EDGE_AXES, strict=True))
        if (inside >> corner & 1) != (inside >> (corner | 1 << axis) & 1)
    }
    assert {edge for triangle in triangles for edge in triangle} == crossed
    sides = [side for t in triangles for side in pairwise((*t, t[0]))]
    assert len(sides) == len(set(sides))
    for a, b in sides:
        assert (b, a) in sides or shares_face(a, b)


def shares_face(a: int, b: int) -> bool:
    corners = [{EDGE_CORNERS[edge], EDGE_CORNERS[edge] | 1 << EDGE_AXES[edge]} for edge in (a, b)]
    together = corners[0] | corners[1]
    return any(len({corner >> axis & 1 for corner in together}) == 1 for axis in range(3))
