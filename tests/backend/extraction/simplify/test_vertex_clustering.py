"""Simplification beyond what the topology allows: handles and components are given up."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from splatsmith.extraction.simplify.simplification import simplify
from splatsmith.extraction.simplify.vertex_clustering import cluster_vertices
from splatsmith.extraction.surface.marching_cubes import marching_cubes
from splatsmith.extraction.surface.sparse_volume import (
    BLOCK_SIZE,
    OUTSIDE,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)
from splatsmith.extraction.surface.triangle_surface import Surface
from tests.backend.extraction.sample_surfaces import rolled_sheet, sphere


def mesh_of(surface: Surface) -> trimesh.Trimesh:
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def sponge() -> Surface:
    """A box of random voxels: closed surfaces with more than six hundred handles."""
    grid = VoxelGrid.covering(1, 0.05, np.zeros(3, np.float32))
    random = np.random.default_rng(3)

    def fill(coords: np.ndarray, _codes: np.ndarray) -> np.ndarray:
        steps = np.stack(np.meshgrid(*[np.arange(BLOCK_SIZE)] * 3, indexing="ij"), axis=-1)
        voxels = coords[:, None, None, None] * BLOCK_SIZE + steps
        inner = (np.abs(grid.origin + grid.voxel_size * voxels) < 0.6).all(axis=-1)
        return np.where(inner, random.uniform(-1, 1, inner.shape), 1).astype(np.float32)

    index = np.full(grid.blocks, OUTSIDE, np.int32)
    requested = np.ones(grid.blocks, np.bool_)
    return marching_cubes(allocate_blocks(uniform_volume(grid, index), requested, fill))


@pytest.mark.parametrize("budget", [2000, 300, 40, 4])
def test_handles_are_given_up_for_the_budget(budget: int) -> None:
    surface = sponge()
    assert mesh_of(surface).euler_number < -900
    mesh = mesh_of(simplify(surface, budget))
    assert 0 < len(mesh.faces) <= budget
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    if budget > 40:
        assert mesh.extents == pytest.approx(mesh_of(surface).extents, rel=0.2)


def test_clusters_are_as_large_as_the_cell() -> None:
    ball = sphere(5)
    clustered = mesh_of(cluster_vertices(ball, 0.2, 0.002))
    assert clustered.is_watertight
    assert 200 < len(clustered.vertices) < 500
    assert clustered.volume == pytest.approx(4 / 3 * np.pi, rel=0.05)
    lengths = clustered.edges_unique_length
    assert lengths.max() < 2 * np.sqrt(3) * 0.2


def test_a_planar_boundary_stays_planar() -> None:
    ball = sphere(5)
    half = Surface(ball.vertices, ball.faces[(ball.vertices[ball.faces, 0] > 0).all(1)]).compact()
    mesh = mesh_of(half)
    boundary = np.unique(mesh.edges_sorted[trimesh.grouping.group_rows(mesh.edges_sorted, 1)])
    half.vertices[boundary, 0] = 0
    clustered = mesh_of(cluster_vertices(half, 0.1, 0.001))
    edges = clustered.edges_sorted
    ends = np.unique(edges[trimesh.grouping.group_rows(edges, require_count=1)])
    assert len(ends) > 20
    assert (clustered.vertices[ends, 0] == 0).all()


def test_open_surfaces_stay_open() -> None:
    clustered = mesh_of(cluster_vertices(rolled_sheet(), 0.1, 0.001))
    assert not clustered.is_watertight
    assert clustered.area == pytest.approx(mesh_of(rolled_sheet()).area, rel=0.1)
