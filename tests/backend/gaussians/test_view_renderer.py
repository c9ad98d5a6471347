"""Rendering of tensors in loops, compared with the rasteriser of files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.gaussians.view_renderer import ViewRenderer
from tests.backend.devices import DEVICES

from .clouds import random_cloud

CAMERAS = orbit_cameras([0.0, 90.0, 200.0], 10.0, 2.5, 50.0, 40)


def as_batch(cloud: GaussianCloud, device: str) -> GaussianBatch:
    arrays = (cloud.means, cloud.quats, cloud.scales, cloud.opacities)
    colors = np.maximum(0.5 + SH_C0 * cloud.sh0, 0).astype(np.float32)
    return GaussianBatch(*(torch.from_numpy(part)[None].to(device) for part in (*arrays, colors)))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_images_are_the_rasterizer_s(device: str, one_at_a_time: bool) -> None:
    cloud = random_cloud(500)
    render = ViewRenderer(CAMERAS, device, background=(0.2, 0.4, 0.6), one_at_a_time=one_at_a_time)
    images = render(as_batch(cloud, device))
    expected = rasterize(cloud, CAMERAS, background=(0.2, 0.4, 0.6)).colors.transpose(0, 3, 1, 2)
    assert images.device.type == device
    np.testing.assert_allclose(images.cpu().numpy(), expected, atol=1.5 / 255)


@pytest.mark.parametrize("device", DEVICES)
def test_gaussians_before_the_near_plane_are_left_out(device: str) -> None:
    cloud = random_cloud(500)
    depths = cloud.means @ CAMERAS.viewmats[0, 2, :3] + CAMERAS.viewmats[0, 2, 3]
    far = cloud.select(depths >= 2.2)
    assert 0 < len(far) < len(cloud)
    cameras = replace(CAMERAS, viewmats=CAMERAS.viewmats[:1], Ks=CAMERAS.Ks[:1])
    cut = ViewRenderer(replace(cameras, near=2.2), device)(as_batch(cloud, device))
    whole = ViewRenderer(cameras, device)(as_batch(far, device))
    np.testing.assert_allclose(cut.cpu().numpy(), whole.cpu().numpy(), atol=1e-5)
