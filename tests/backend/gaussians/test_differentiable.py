"""Images and gradients of the differentiable rasteriser, compared with the reference."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.differentiable_rasterizer import render
from splatsmith.gaussians.gaussian_batch import GaussianBatch, to_cloud
from splatsmith.gaussians.rasterize import rasterize
from tests.backend.devices import DEVICES

from .reference_rasterizer import render_reference

Renderer = Callable[[GaussianBatch, Tensor, Tensor, int], tuple[Tensor, Tensor]]
SIZE = 37  # pixels: the last tiles are cut off


def gaussians(count: int, size: float, opacities: float = 0.9) -> GaussianBatch:
    torch.manual_seed(count)
    return GaussianBatch(
        0.3 * torch.randn(1, count, 3),
        torch.nn.functional.normalize(torch.randn(1, count, 4), dim=-1),
        size * torch.rand(1, count, 3).exp(),
        opacities * torch.rand(1, count) + 0.05,
        torch.rand(1, count, 3),
    )


def camera() -> tuple[Tensor, Tensor]:
    cameras = orbit_cameras([40.0], 15.0, 3.0, 40.0, SIZE)
    return torch.from_numpy(cameras.viewmats[0]), torch.from_numpy(cameras.Ks[0])


def gradients(renderer: Renderer, cloud: GaussianBatch, device: str) -> list[Tensor]:
    """Of the squared distance to a noise image, by all parameters and by the camera's K."""
    parts = (cloud.means, cloud.quats, cloud.scales, cloud.opacities, cloud.colors)
    viewmat, k = (part.to(device) for part in camera())
    leaves = [part.to(device).requires_grad_() for part in (*(p.clone() for p in parts), k)]
    colors, alphas = renderer(GaussianBatch(*leaves[:5]), viewmat, leaves[5], SIZE)
    target = torch.rand(4, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    loss = (colors - target[:3]).square().sum() + (alphas - target[3]).square().sum()
    return [part.cpu() for part in torch.autograd.grad(loss, leaves)]


CLOUDS = {
    "few": gaussians(1, 0.1),
    "many": gaussians(300, 0.05),
    "tiny": gaussians(300, 1e-4),
    "huge": gaussians(30, 1.0),
    "opaque, so that pixels are full": gaussians(400, 0.2, 0.949),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CLOUDS)
def test_gradients_agree_with_the_reference(name: str, device: str) -> None:
    cloud = CLOUDS[name]
    fast = gradients(render, cloud, device)
    plain = gradients(render_reference, cloud, "cpu")
    for ours, theirs in zip(fast, plain, strict=True):
        assert theirs.abs().max() > 0
        scale = theirs.abs().max()
        gaps = ((ours - theirs) / scale).abs()
        assert gaps.mean() < 1e-4  # contributions of about MIN_ALPHA may differ
        assert gaps.max() < 2e-2


@pytest.mark.parametrize("device", DEVICES)
def test_images_equal_those_of_rasterize(device: str) -> None:
    cloud = CLOUDS["many"]
    cameras = orbit_cameras([40.0], 15.0, 3.0, 40.0, SIZE)
    moved = GaussianBatch(*(part.to(device) for part in vars(cloud).values()))
    viewmat, k = (part.to(device) for part in camera())
    colors, alphas = (part.cpu().numpy() for part in render(moved, viewmat, k, SIZE))
    image = rasterize(to_cloud(cloud, 0), cameras, background=(0, 0, 0))
    assert abs(colors.transpose(1, 2, 0) - image.colors[0]).max() < 1.5 / 255
    assert abs(alphas - image.alphas[0]).max() < 1.5 / 255


def test_a_gaussian_at_the_camera_has_no_gradient() -> None:
    cloud = gaussians(3, 0.1)
    viewmat, k = camera()
    means = cloud.means.clone()
    means[0, 0] = -viewmat[:3, :3].T @ viewmat[:3, 3]
    means = means.requires_grad_()
    parts = (cloud.quats, cloud.scales, cloud.opacities, cloud.colors)
    colors, alphas = render(GaussianBatch(means, *parts), viewmat, k, SIZE)
    (found,) = torch.autograd.grad(colors.sum() + alphas.sum(), means)
    assert found.isfinite().all()
    assert (found[0, 0] == 0).all()
    assert found[0, 1:].abs().max() > 0
