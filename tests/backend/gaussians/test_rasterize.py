"""The fast rasterisers compared with the reference, and what images of simple scenes show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.transform import rotation_matrices
from splatsmith.gaussians import rasterize_cuda
from splatsmith.gaussians.cameras import Cameras, orbit_cameras
from splatsmith.gaussians.depth_planes import SplatGeometry, depth_planes
from splatsmith.gaussians.projection import (
    SLOPE_X,
    SLOPE_Y,
    SURFACE_DEPTH,
    Camera,
    CloudArrays,
    X,
    Y,
    project,
)
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.gaussians.rendering import Rendering, surface_offset
from tests.backend.devices import DEVICES, needs_cuda

from .clouds import random_cloud, shell
from .reference_rasterizer import rasterize_reference

# A contribution of about MIN_ALPHA may be drawn by one and left out by the other.
TOLERANCE = 1.5 / 255
# Share of pixels whose transmittance may cross one half at another Gaussian.
MAX_DEPTH_OUTLIERS = 2e-3


def assert_close(left: Rendering, right: Rendering) -> None:
    assert left.depths.dtype == np.float32
    gap = np.abs(left.depths - right.depths) / max(1.0, float(right.depths.max()))
    assert (gap > 1e-4).mean() < MAX_DEPTH_OUTLIERS
    for name in ("colors", "alphas"):
        ours, theirs = getattr(left, name), getattr(right, name)
        assert ours.dtype == np.float32
        scale = max(1.0, float(np.abs(theirs).max()))
        gap = np.abs(ours - theirs) / scale
        assert gap.max() < TOLERANCE, name
        assert gap.mean() < 1e-5, name


CLOUDS: dict[str, GaussianCloud] = {
    "none": random_cloud(0, 3),
    "one": random_cloud(1),
    "degree 0": random_cloud(2000),
    "degree 3": random_cloud(500, 3),
    "degree 4": random_cloud(100, 4),
    "opaque surface": shell(3000),
    "tiny": random_cloud(2000, size=1e-5),
    "huge": random_cloud(100, size=3.0),
    "invisible": replace(random_cloud(50), opacities=np.full(50, 1e-4, np.float32)),
    "certain": replace(random_cloud(300), opacities=np.ones(300, np.float32)),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CLOUDS)
def test_images_agree_with_the_reference(name: str, device: str) -> None:
    cameras = orbit_cameras([0.0, 77.0], 20.0, 2.5, 50.0, 50)
    cloud = CLOUDS[name]
    assert_close(rasterize(cloud, cameras, device=device), rasterize_reference(cloud, cameras))


@pytest.mark.parametrize("device", DEVICES)
def test_gaussians_behind_and_beside_the_camera_agree_with_the_reference(device: str) -> None:
    cloud = random_cloud(2000, 1)
    cameras = orbit_cameras([10.0], 0.0, 0.3, 60.0, 48)  # inside the cloud
    assert_close(rasterize(cloud, cameras, device=device), rasterize_reference(cloud, cameras))


@pytest.mark.parametrize("device", DEVICES)
def test_image_sizes_and_dilations_agree_with_the_reference(device: str) -> None:
    cloud = random_cloud(500)
    square = orbit_cameras([30.0], -15.0, 2.5, 40.0, 64)
    cameras = Cameras(square.viewmats, square.Ks, 37, 21)
    options = {"background": (0.2, 0.4, 0.6), "eps2d": 0.0}
    fast = rasterize(cloud, cameras, device=device, **options)
    assert fast.colors.shape == (1, 21, 37, 3)
    assert_close(fast, rasterize_reference(cloud, cameras, **options))


@needs_cuda
def test_gsplat_kernels_are_available_on_cuda() -> None:
    assert rasterize_cuda.has_kernels()


def test_a_gpu_without_kernels_falls_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasterize_cuda, "has_kernels", lambda: False)
    cloud, cameras = random_cloud(50), orbit_cameras([10.0], 20.0, 2.5, 50.0, 32)
    assert_close(rasterize(cloud, cameras, device="cuda"), rasterize(cloud, cameras))


def test_the_nearer_gaussian_occludes_the_farther_one() -> None:
    cloud = random_cloud(2, size=0.2)
    cloud.means[:] = ((0, 0, 0.5), (0, 0, -0.5))
    cloud.scales[:] = 0.2
    cloud.opacities[:] = 1
    cloud.sh0[:] = ((2, -2, -2), (-2, 2, -2))  # red in front of green, for azimuth 0
    drawn = rasterize(cloud, orbit_cameras([0.0, 180.0], 0.0, 3.0, 40.0, 33))
    front, back = drawn.colors[:, 16, 16]
    assert front[0] > 1 > front[1] + 0.9
    assert back[1] > 1 > back[0] + 0.9
    near_side = 2.5 - 0.2 * surface_offset(np.ones(1, np.float32))[0]
    np.testing.assert_allclose(drawn.depths[:, 16, 16], near_side, atol=0.01)


def test_an_empty_cloud_renders_the_background() -> None:
    drawn = rasterize(
        random_cloud(0), orbit_cameras([0.0], 0.0, 3.0, 40.0, 8), background=(0.1, 0.2, 0.3)
    )
    np.testing.assert_allclose(drawn.colors[0, 3, 3], (0.1, 0.2, 0.3), atol=1e-6)
    assert not drawn.alphas.any()
    assert not drawn.depths.any()


def test_nan_in_one_gaussian_leaves_out_only_that_gaussian() -> None:
    cloud = random_cloud(200)
    cameras = orbit_cameras([0.0], 0.0, 2.5, 40.0, 40)
    without = rasterize(cloud.select(np.arange(1, 200)), cameras)
    for name in ("means", "quats", "scales", "opacities"):
        broken = replace(cloud, **{name: getattr(cloud, name).copy()})
        getattr(broken, name)[0] = np.nan
        np.testing.assert_array_equal(rasterize(broken, cameras).colors, without.colors)


def test_depth_planes_of_the_gpu_path_equal_those_of_the_cpu() -> None:
    cloud, cameras = random_cloud(300), orbit_cameras([10, 200], [20, -30], 3.0, 40, 64)
    axes = torch.from_numpy(rotation_matrices(cloud.quats) * cloud.scales[:, None])
    views, ks = torch.from_numpy(cameras.viewmats), torch.from_numpy(cameras.Ks)
    offsets = torch.from_numpy(surface_offset(cloud.opacities))
    splats = SplatGeometry(torch.from_numpy(cloud.means), axes @ axes.mT, offsets)
    planes = depth_planes(splats, views, ks, (64, 64), 0.3).numpy()
    arrays = CloudArrays(cloud.means, cloud.quats, cloud.scales, cloud.opacities)
    for i in range(2):
        camera = Camera(cameras.viewmats[i], cameras.Ks[i], 64, 64, cameras.near)
        splats = project(arrays, np.zeros((300, 3), np.float32), camera, np.float32(0.3))
        slopes = splats[:, [SLOPE_X, SLOPE_Y]]
        from_middle = splats[:, [X, Y]] - 32
        np.testing.assert_allclose(planes[i, :, 1:], slopes, atol=1e-5)
        constant = splats[:, SURFACE_DEPTH] - (slopes * from_middle).sum(1)
        np.testing.assert_allclose(planes[i, :, 0], constant, atol=1e-5)


def test_depth_planes_of_one_gaussian_per_camera_equal_those_of_all() -> None:
    cloud, cameras = random_cloud(20), orbit_cameras([10, 200], [20, -30], 3.0, 40, 64)
    axes = torch.from_numpy(rotation_matrices(cloud.quats) * cloud.scales[:, None])
    views, ks = torch.from_numpy(cameras.viewmats), torch.from_numpy(cameras.Ks)
    means, covariances = torch.from_numpy(cloud.means), axes @ axes.mT
    offsets = torch.from_numpy(surface_offset(cloud.opacities))
    planes = depth_planes(SplatGeometry(means, covariances, offsets), views, ks, (64, 64), 0.3)
    images, which = torch.tensor([0, 1, 1, 0]), torch.tensor([3, 3, 19, 7])
    own = SplatGeometry(means[which, None], covariances[which, None], offsets[which, None])
    single = depth_planes(own, views[images], ks[images], (64, 64), 0.3)
    torch.testing.assert_close(single[:, 0], planes[images, which])


def test_depth_of_a_slanted_disc_is_its_plane() -> None:
    half = np.radians(60) / 2  # rotated by 60 degrees about the vertical axis
    disc = GaussianCloud(
        means=np.zeros((1, 3), np.float32),
        quats=np.array([[np.cos(half), 0, np.sin(half), 0]], np.float32),
        scales=np.array([[0.4, 0.4, 0.001]], np.float32),
        opacities=np.array([0.95], np.float32),
        sh0=np.zeros((1, 3), np.float32),
        shN=np.zeros((1, 0, 3), np.float32),
    )
    drawn = rasterize(disc, orbit_cameras([0], 0, 10.0, 8, 64))
    row = drawn.depths[0, 32, 28:37]
    pixel = 10 * 2 * np.tan(np.radians(4)) / 64
    np.testing.assert_allclose(np.diff(row) / pixel, np.tan(np.radians(60)), rtol=0.05)


def test_depth_of_a_ball_is_on_its_near_side() -> None:
    ball = GaussianCloud(
        means=np.zeros((1, 3), np.float32),
        quats=np.array([[1, 0, 0, 0]], np.float32),
        scales=np.full((1, 3), 0.2, np.float32),
        opacities=np.array([0.95], np.float32),
        sh0=np.zeros((1, 3), np.float32),
        shN=np.zeros((1, 0, 3), np.float32),
    )
    drawn = rasterize(ball, orbit_cameras([0], 0, 5.0, 20, 65))
    silhouette = np.sqrt(2 * np.log(0.95 / 0.5)) * 0.2
    assert 5 - drawn.depths[0, 32, 32] == pytest.approx(0.75 * silhouette, rel=0.03)
