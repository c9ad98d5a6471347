"""Fusion of depth maps, against unprojected pixels and an analytic ball."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.extraction.surface.sparse_volume import BLOCK_SIZE, SparseVolume, VoxelGrid
from splatsmith.extraction.surface.tsdf_fusion import (
    TRUNCATION,
    _depth_maps,
    _request_surface_blocks,
    fuse_depths,
)
from splatsmith.extraction.views.rendered_views import (
    SURFACE_ALPHA,
    NormalizedCloud,
    RenderedViews,
    fibonacci_cameras,
    render_views,
)
from splatsmith.progress import silent
from tests.backend.gaussians.clouds import joined, shell

GRID = VoxelGrid.covering(1, 0.04, np.zeros(3, np.float32))
REACH = TRUNCATION * GRID.voxel_size


@pytest.fixture(scope="module")
def views() -> RenderedViews:
    """Of two balls of different size: no plane of symmetry but x = z = 0."""
    small = shell(1000, 0.3, seed=1)
    small.means[:] += np.array([0.2, 1, 0.4], np.float32)
    subject = NormalizedCloud.from_cloud(joined(shell(2000, 0.6), small))
    return render_views(subject, fibonacci_cameras(6, 96), "cpu", silent())


def surface_points(views: RenderedViews, camera: int) -> np.ndarray:
    """[N, 3] the pixels that show the surface, unprojected."""
    shown = views.rendering.alphas[camera] >= SURFACE_ALPHA
    rows, columns = np.nonzero(shown)
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)
    rays = pixels @ np.linalg.inv(views.cameras.Ks[camera].astype(np.float64)).T
    in_camera = rays * views.rendering.depths[camera][shown][:, None]
    homogeneous = np.column_stack([in_camera, np.ones(len(in_camera))])
    return (homogeneous @ np.linalg.inv(views.cameras.viewmats[camera].astype(np.float64)).T)[:, :3]


def blocks_near(points: np.ndarray, reach: float) -> np.ndarray:
    """[bx, by, bz] the blocks that a box of half width `reach` around any point touches."""
    near = np.zeros(GRID.blocks, np.bool_)
    edge = BLOCK_SIZE * GRID.voxel_size
    low, high = (
        np.floor((points - GRID.origin + sign * reach) / edge).astype(int) for sign in (-1, 1)
    )
    for first, last in zip(low, high + 1, strict=True):
        near[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = True
    return near


@pytest.mark.parametrize("camera", range(6))
def test_blocks_around_the_visible_surface_are_requested(views: RenderedViews, camera: int) -> None:
    requested = np.zeros(GRID.blocks, np.bool_)
    _request_surface_blocks(requested, GRID.frame, _depth_maps(views), camera)
    points = surface_points(views, camera)
    assert len(points) > 500
    assert (requested[blocks_near(points, REACH - 1e-4)]).all()
    assert not (requested & ~blocks_near(points, REACH + 1e-4)).any()


def voxel_positions(volume: SparseVolume) -> np.ndarray:
    """[M, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE, 3] of the allocated blocks."""
    steps = np.stack(np.meshgrid(*[np.arange(BLOCK_SIZE)] * 3, indexing="ij"), axis=-1)
    voxels = volume.coords[:, None, None, None] * BLOCK_SIZE + steps
    return volume.grid.origin + volume.grid.voxel_size * voxels


def test_signs_are_those_of_a_ball() -> None:
    ball = shell(8000)
    subject = NormalizedCloud.from_cloud(replace(ball, scales=ball.scales * np.float32(0.7)))
    views = render_views(subject, fibonacci_cameras(32, 128), "cpu", silent())
    volume = fuse_depths(views, GRID, True, silent())
    center = -subject.sphere.center / subject.sphere.radius
    distances = (
        np.linalg.norm(voxel_positions(volume) - center, axis=-1) - 1 / subject.sphere.radius
    )
    apart = np.abs(distances) > 0.2 * REACH
    assert apart.sum() > 50_000
    assert ((volume.values < 0) == (distances < 0))[apart].mean() > 0.998
