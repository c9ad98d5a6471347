"""Depth meshes in other cameras, against a plain renderer."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.engines.ivid.aggregation import RenderSettings, aggregate, means_of, mesh_arrays
from splatsmith.engines.ivid.cameras import FRONT, GRID, Pose
from splatsmith.engines.ivid.depth_mesh import DepthMesh, MeshOptions, mesh_of_view
from splatsmith.engines.ivid.view_chain import RgbdView, ViewChain
from splatsmith.engines.ivid.z_buffer import draw_meshes, empty_sums, project
from splatsmith.engines.ivid.z_buffer_cuda import draw_on_gpu
from tests.backend.devices import DEVICES

from .z_buffer_reference import render_reference

SIZE = 12
POSES = [FRONT, Pose(0.15, -0.15), Pose(-0.4, 0.1)]


# Not the very cameras of the views: pixels would lie on edges between unlike triangles.
TARGETS = [Pose(0.02, 0.01), Pose(0.3, 0.15), Pose(-0.6, -0.15)]


def depths(seed: int) -> np.ndarray:
    """A wall with a box before it, and unevenness."""
    rng = np.random.default_rng(seed)
    depth = 1.3 + 0.05 * rng.random((SIZE, SIZE))
    depth[3:8, 4:9] -= 0.5
    return depth


def meshes(options: MeshOptions) -> list[DepthMesh]:
    return [mesh_of_view(depths(i), pose, options) for i, pose in enumerate(POSES)]


def images() -> np.ndarray:
    return np.random.default_rng(9).random((len(POSES), SIZE, SIZE, 3))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("padding", [None, 4])
def test_it_agrees_with_the_plain_renderer(target: Pose, padding: int | None) -> None:
    given = meshes(MeshOptions(erosion=1, padding=padding))
    settings = RenderSettings(3 * SIZE, 0.01, 200.0)
    ours = aggregate(mesh_arrays(given, images()), target, settings)
    colors, depth, seen, color_seen = render_reference(given, images(), target, settings)
    assert (np.abs(ours.colors - colors).max(axis=2) < 1e-3).mean() > 0.99
    assert (np.abs(ours.depths - depth) < 1e-3 * depth).mean() > 0.99
    assert (ours.is_seen == seen).mean() > 0.99
    assert (ours.is_color_seen == color_seen).mean() > 0.99
    assert 0.05 < color_seen.mean() < seen.mean() < 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("padding", [None, 4])
@pytest.mark.parametrize("device", DEVICES)
def test_torch_s_operations_give_the_same(target: Pose, padding: int | None, device: str) -> None:
    arrays = mesh_arrays(meshes(MeshOptions(erosion=1, padding=padding)), images())
    settings = RenderSettings(3 * SIZE, 0.01, 200.0)
    loops = aggregate(arrays, target, settings)
    sums = draw_on_gpu(arrays, target.world_to_camera, settings.lens, device)
    tensors = means_of(sums, settings.near)
    assert (np.abs(loops.colors - tensors.colors).max(axis=2) < 1e-2).mean() > 0.995
    assert (np.abs(loops.depths - tensors.depths) < 1e-3 * loops.depths).mean() > 0.995
    assert (loops.is_seen == tensors.is_seen).mean() > 0.995
    assert (loops.is_color_seen == tensors.is_color_seen).mean() > 0.995


@pytest.mark.parametrize("bands", [1, 2, 7])
def test_the_number_of_bands_changes_nothing(bands: int) -> None:
    arrays = mesh_arrays(meshes(MeshOptions()), images())
    lens = RenderSettings(3 * SIZE, 0.01, 200.0).lens
    projection = project(arrays, Pose(0.2, 0.1).world_to_camera, lens)
    sums, expected = empty_sums(lens.size), empty_sums(lens.size)
    draw_meshes(arrays, projection, lens, sums, bands)
    draw_meshes(arrays, projection, lens, expected, 5)
    for name in sums._fields:
        assert np.array_equal(getattr(sums, name), getattr(expected, name)), name


def test_a_view_sees_itself_as_it_is() -> None:
    code = np.full((SIZE, SIZE), 0.6, np.float32)
    colors = np.random.default_rng(1).random((SIZE, SIZE, 3)).astype(np.float32)
    chain = ViewChain("cpu")
    chain.add(RgbdView(FRONT, colors, code))
    warped = chain.warped(FRONT)
    assert warped.mask[1:-1, 1:-1].all()  # pixels on edges are covered; the border is padding
    assert np.allclose(warped.codes[warped.mask], 0.6, atol=1e-3)
    assert np.abs(warped.colors - colors)[warped.color_mask].mean() < 0.1


def test_what_is_hidden_is_not_seen_and_lies_behind_its_bound() -> None:
    code = np.full((2 * SIZE, 2 * SIZE), 0.75, np.float32)
    code[8:16, 8:16] = 0.35
    chain = ViewChain("cpu", MeshOptions(erosion=1))
    chain.add(RgbdView(FRONT, np.ones((*code.shape, 3), np.float32), code))
    warped = chain.warped(Pose(0.5, 0.0))
    assert not warped.mask.all()
    assert (warped.codes[~warped.mask] == 0).all()
    assert (warped.bounds[~warped.mask] > 0).any()
    assert (warped.color_mask <= warped.mask).all()


def test_the_grid_has_the_published_order() -> None:
    assert [(pose.yaw, pose.pitch) for pose in GRID[:4]] == [
        (0.0, 0.0),
        (0.0, 0.15),
        (0.0, -0.15),
        (0.15, 0.0),
    ]
    assert len(set(GRID)) == 27
