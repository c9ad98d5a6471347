"""Cameras around objects and into scenes, and the way from the network's world to the asset's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from splatsmith.contract.problems import InvalidRequest
from splatsmith.engines.diffusiongs.object_cameras import (
    AZIMUTHS,
    order_by_sides,
    regenerated_views,
    template_views,
)
from splatsmith.engines.diffusiongs.scene_cameras import EXTENT, PathKind, scene_views
from splatsmith.engines.diffusiongs.views import NetworkViews
from splatsmith.errors import WeightsDamaged
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.view_renderer import ViewRenderer
from splatsmith.nn.checkpoint_files import TensorFiles

from .tiny_denoisers import write_template

SIZE = 48


def random_gaussians() -> GaussianBatch:
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(1, 200, *shape, generator=generator)

    quats = torch.randn(1, 200, 4, generator=generator)
    quats = torch.nn.functional.normalize(quats, dim=-1)
    scales = 0.02 + 0.1 * uniform(3)
    return GaussianBatch(uniform(3) - 0.5, quats, scales, uniform(), uniform(3))


def assert_transform_keeps_images(views: NetworkViews, gaussians: GaussianBatch) -> None:
    """What the network's cameras see of the network's Gaussians, the asset's see of the asset's."""
    seen = ViewRenderer(views.cameras, "cpu")(gaussians)
    poses = views.to_asset.poses(views.c2w)
    assert np.allclose(np.linalg.det(poses[:, :3, :3]), np.linalg.det(poses[0, :3, :3]))
    in_asset = NetworkViews(poses, views.fxfycxcy, views.size, views.to_asset, views.camera)
    again = ViewRenderer(in_asset.cameras, "cpu")(views.to_asset(gaussians))
    torch.testing.assert_close(seen, again, atol=1.5 / 255, rtol=0)


def test_regenerated_cameras_are_an_orbit_in_a_mirrored_world() -> None:
    views = regenerated_views(15.0, 3.0, SIZE)
    assert np.allclose(np.linalg.det(views.c2w[:, :3, :3]), -1)
    assert np.allclose(
        views.c2w[0, :3, 3], [0, 3 * np.cos(np.radians(15)), 3 * np.sin(np.radians(15))]
    )
    orbit = orbit_cameras(AZIMUTHS, 15.0, 3.0, views.camera.fov, SIZE)
    poses = views.to_asset.poses(views.c2w)
    assert np.allclose(np.linalg.inv(poses), orbit.viewmats, atol=1e-6)
    assert np.allclose(views.cameras.Ks, orbit.Ks, rtol=1e-4)
    assert np.allclose(views.azimuths, AZIMUTHS)


def test_mirrored_results_are_mirrored_back() -> None:
    assert_transform_keeps_images(regenerated_views(15.0, 3.0, SIZE), random_gaussians())


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_template_s_cameras_are_read_whatever_its_world(tmp_path: Path, mirrored: bool) -> None:
    write_template(tmp_path / "template.safetensors", mirrored=mirrored, elevation=12.0)
    views = template_views(TensorFiles((tmp_path / "template.safetensors",)), SIZE)
    expected = regenerated_views(12.0, 3.0, SIZE)
    assert np.allclose(
        views.to_asset.poses(views.c2w), expected.to_asset.poses(expected.c2w), atol=1e-5
    )
    assert views.camera.elevation == pytest.approx(12.0, abs=1e-3)
    assert views.camera.fov == pytest.approx(expected.camera.fov, abs=1e-3)
    assert_transform_keeps_images(views, random_gaussians())


def test_a_template_that_starts_elsewhere_is_turned_to_the_front(tmp_path: Path) -> None:
    path = tmp_path / "template.safetensors"
    write_template(path)
    tensors = load_file(path)
    save_file({name: tensor.roll(-1, 1).contiguous() for name, tensor in tensors.items()}, path)
    views = template_views(TensorFiles((path,)), SIZE)
    assert np.allclose(views.azimuths[0], 0, atol=1e-4)
    assert_transform_keeps_images(views, random_gaussians())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gen_c2w", torch.zeros(1, 4, 4, 4)),
        ("gen_c2w", torch.full((1, 4, 4, 4), torch.nan)),
        ("gen_c2w", torch.eye(4).expand(1, 4, 4, 4)),  # all at the origin
        ("gen_c2w", torch.eye(4).expand(1, 3, 4, 4)),  # three of them
        ("gen_fxfycxcys", torch.zeros(1, 4, 4)),
    ],
)
def test_a_template_without_cameras_is_refused(
    tmp_path: Path, name: str, value: torch.Tensor
) -> None:
    path = tmp_path / "template.safetensors"
    write_template(path)
    save_file({**load_file(path), name: value.contiguous()}, path)
    with pytest.raises(WeightsDamaged, match="no camera template"):
        template_views(TensorFiles((path,)), SIZE)


def test_given_sides_come_first() -> None:
    views = regenerated_views(0.0, 3.0, SIZE)
    assert order_by_sides(views, [0.0]) == [0, 1, 2, 3]
    assert order_by_sides(views, [0.0, 180.0]) == [0, 2, 1, 3]
    ordered = views.reordered(order_by_sides(views, [0.0, 270.0, 90.0]))
    assert np.allclose(ordered.azimuths, [0, 270, 90, 180])
    with pytest.raises(InvalidRequest, match="no view from 45 degrees"):
        order_by_sides(views, [0.0, 45.0])


@pytest.mark.parametrize("kind", PathKind)
def test_a_path_is_as_long_as_in_training(kind: PathKind) -> None:
    positions = scene_views(kind, 1.0, 60.0, SIZE).c2w[:, :3, 3]
    assert np.abs(positions).max() == pytest.approx(EXTENT, rel=0.02)
    assert np.allclose(positions.mean(0), 0)
    shorter = scene_views(kind, 0.5, 60.0, SIZE).c2w[:, :3, 3]
    assert np.abs(shorter).max() == pytest.approx(EXTENT / 2, rel=0.05)


@pytest.mark.parametrize("kind", PathKind)
@pytest.mark.parametrize("amount", [1.0, -0.5, 0.0])
def test_a_scene_s_origin_is_the_picture_s_camera(kind: PathKind, amount: float) -> None:
    views = scene_views(kind, amount, 60.0, SIZE)
    poses = views.to_asset.poses(views.c2w)
    assert np.allclose(poses[0], np.diag([1, -1, -1, 1]), atol=1e-9)  # Y up, looking along -Z
    assert views.path is not None
    assert np.allclose(np.reshape(views.path.poses, (4, 4, 4)), poses)
    assert np.allclose(np.linalg.det(poses[:, :3, :3]), 1)
    moved = random_gaussians()
    moved.means[..., 2] += 3
    assert_transform_keeps_images(views, moved)


def test_paths_lead_where_they_say() -> None:
    def moves(kind: PathKind) -> np.ndarray:
        path = scene_views(kind, 1.0, 60.0, SIZE).path
        assert path is not None
        return np.reshape(path.poses, (4, 4, 4))[-1]

    assert moves(PathKind.FORWARD)[:3, 3] == pytest.approx([0, 0, -2 * EXTENT])
    assert moves(PathKind.SIDEWAYS)[:3, 3] == pytest.approx([2 * EXTENT, 0, 0])
    orbit = moves(PathKind.ORBIT)
    to_pivot = np.array([0, 0, -1 / np.sin(np.radians(10)) * EXTENT]) - orbit[:3, 3]
    assert orbit[0, 3] > 0
    assert orbit[:3, 2] == pytest.approx(to_pivot / np.linalg.norm(to_pivot))
