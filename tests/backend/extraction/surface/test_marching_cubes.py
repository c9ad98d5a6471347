"""Marching cubes over sparse blocks, against surfaces that a formula gives."""

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

LATTICE = VoxelGrid.around(1.0, 0.05, np.zeros(3, np.float32))


def positions(places: np.ndarray) -> Floats:
    """[m, SIDE, SIDE, SIDE, 3] of the voxels of blocks."""
    steps = np.stack(np.meshgrid(*[np.arange(BLOCK_SIZE)] * 3, indexing="ij"), axis=-1)
    voxels = places[:, None, None, None] * BLOCK_SIZE + steps
    return (LATTICE.origin + LATTICE.voxel * voxels).astype(np.float32)


def ball(places: np.ndarray, _codes: np.ndarray) -> Floats:
    return (np.linalg.norm(positions(places), axis=-1) - 0.7).clip(-0.15, 0.15) / 0.15


def noise(places: np.ndarray, _codes: np.ndarray) -> Floats:
    """Any sign anywhere inside a box: every way in which a cell can be crossed."""
    random = np.random.default_rng(3)
    inner = (np.abs(positions(places)) < 0.6).all(axis=-1)
    return np.where(inner, random.uniform(-1, 1, inner.shape), 1).astype(np.float32)


def volume_of(fill: object, wanted: np.ndarray | None = None) -> SparseVolume:
    index = np.full(LATTICE.blocks, OUTSIDE, np.int32)
    if wanted is None:
        wanted = np.ones(LATTICE.blocks, np.bool_)
    return allocate_blocks(uniform_volume(LATTICE, index), wanted, fill)  # type: ignore[arg-type]


def as_trimesh(volume: SparseVolume) -> trimesh.Trimesh:
    surface = marching_cubes(volume)
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def test_a_ball_is_closed_and_has_its_volume() -> None:
    mesh = as_trimesh(volume_of(ball))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.01)
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 0.7).max() < 0.1 * LATTICE.voxel


def test_blocks_grow_until_the_surface_is_whole() -> None:
    wanted = np.zeros(LATTICE.blocks, np.bool_)
    middle = np.array(LATTICE.blocks) // 2
    wanted[middle[0], middle[1], -3] = True  # of all blocks, one at the ball's side
    volume = volume_of(ball, wanted)
    assert len(volume.places) < wanted.size / 2
    mesh = as_trimesh(volume)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.01)


def test_noise_gives_a_closed_manifold() -> None:
    mesh = as_trimesh(volume_of(noise))
    assert len(mesh.faces) > 10_000
    assert mesh.is_watertight
    assert mesh.is_winding_consistent


def test_a_half_is_cut_exactly_in_the_plane() -> None:
    half = marching_cubes(volume_of(ball), LATTICE.column(0.0))
    assert half.vertices[:, 0].min() == 0
    mesh = trimesh.Trimesh(half.vertices, half.faces, process=False)
    assert mesh.area == pytest.approx(2 * np.pi * 0.7**2, rel=0.02)


def test_unknown_voxels_leave_the_surface_open() -> None:
    def half_known(places: np.ndarray, codes: np.ndarray) -> Floats:
        return np.where(positions(places)[..., 1] > 0, ball(places, codes), np.float32(np.nan))

    surface = marching_cubes(volume_of(half_known))
    assert surface.vertices[:, 1].min() > 0
    assert not trimesh.Trimesh(surface.vertices, surface.faces, process=False).is_watertight


@pytest.mark.parametrize("inside", range(256))
def test_cells_part_their_corners(inside: int) -> None:
    """Every crossed edge is used, every side of a triangle twice or in one face of the cell."""
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
