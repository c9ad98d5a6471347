"""Differentiable rendering of batches of Gaussians with gsplat, and losses on the images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from gsplat import rasterization
from torch import Tensor
from torch.nn import functional as F

from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.nn.efficientnet import EfficientNetLite
from training.mesh_rasterizer import DISTANCE, FOV, SIZE

PERCEPTUAL_STAGES = 4  # of the classifier, whose feature maps are compared


@dataclass(frozen=True)
class RenderedImages:
    """rgb [B, C, 3, 128, 128] premultiplied; alpha and depth [B, C, 128, 128]."""

    rgb: Tensor
    alpha: Tensor
    depth: Tensor

    def composited(self, background: Tensor) -> Tensor:
        """RGB over a background [B, 1, 3, 1, 1]."""
        return self.rgb + (1 - self.alpha[:, :, None]) * background


def view_matrices(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """World-to-camera [..., 4, 4] of cameras at degrees [...], OpenCV axes, looking at the
    origin.
    """
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    backward = torch.stack([a.sin() * e.cos(), e.sin(), a.cos() * e.cos()], -1)
    right = torch.stack([a.cos(), torch.zeros_like(a), -a.sin()], -1)
    matrix = torch.zeros(*a.shape, 4, 4, device=a.device)
    matrix[..., :3, :3] = torch.stack([right, torch.linalg.cross(right, backward), -backward], -2)
    matrix[..., 2, 3], matrix[..., 3, 3] = DISTANCE, 1
    return matrix


def render(cloud: GaussianBatch, azimuth: Tensor, elevation: Tensor) -> RenderedImages:
    """Each of B clouds from C cameras of its own, azimuth and elevation [B, C] in degrees."""
    focal = SIZE / 2 / math.tan(math.radians(FOV / 2))
    intrinsics = torch.tensor(
        [[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1]], device=azimuth.device
    )
    rendered, alpha, _ = rasterization(
        cloud.means, cloud.quats, cloud.scales, cloud.opacities, cloud.colors,
        view_matrices(azimuth, elevation), intrinsics.expand(*azimuth.shape, 3, 3).contiguous(),
        SIZE, SIZE, near_plane=0.1, far_plane=10.0, packed=False, render_mode="RGB+ED",
    )  # fmt: skip
    rgb, depth = rendered.permute(0, 1, 4, 2, 3).split((3, 1), 2)
    return RenderedImages(rgb, alpha[..., 0], depth[:, :, 0])


def render_on_white(
    cloud: GaussianBatch, azimuth: Tensor, elevation: Tensor
) -> tuple[Tensor, Tensor]:
    """RGB on white [B, C, 3, 128, 128] and alpha [B, C, 128, 128], as metrics take them."""
    rendered = render(cloud, azimuth, elevation)
    return rendered.composited(torch.ones(3, 1, 1, device=azimuth.device)), rendered.alpha


def composite(rgba: Tensor, background: Tensor) -> Tensor:
    """RGB of premultiplied views [B, C, 4, H, W] over a background [B, 1, 3, 1, 1]."""
    return rgba[:, :, :3] + (1 - rgba[:, :, 3:]) * background


def image_loss(rendered: RenderedImages, rgba: Tensor, depth: Tensor, background: Tensor) -> Tensor:
    """L1 + 2 MSE + 0.5 L1 of image gradients + 0.5 L1 of alpha + 0.1 L1 of depth where opaque."""
    target_alpha = rgba[:, :, 3]
    target = composite(rgba, background)
    image = rendered.composited(background)
    difference = image - target
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    color = difference.abs().mean() + 2 * difference.square().mean() + 0.5 * edges
    opaque = (depth > 0) & (target_alpha > 0.95)
    depth_error = ((rendered.depth - depth).abs() * opaque).sum() / opaque.sum().clamp(min=1)
    return color + 0.5 * (rendered.alpha - target_alpha).abs().mean() + 0.1 * depth_error


def mean_square_loss(rendered: RenderedImages, rgba: Tensor, background: Tensor) -> Tensor:
    """2 MSE + 0.3 L1 + 0.5 MSE of alpha, for direct estimates: their optimum is the mean."""
    target = composite(rgba, background)
    difference = rendered.composited(background) - target
    alpha = rendered.alpha - rgba[:, :, 3]
    return (
        2 * difference.square().mean() + 0.3 * difference.abs().mean() + 0.5 * alpha.square().mean()
    )


def silhouette_loss(rendered: RenderedImages, rgba: Tensor) -> Tensor:
    """1 - soft IoU of the alphas, averaged over images, so that thin objects weigh as much as
    large ones. Unlike squared errors it does not favour half-transparent estimates.
    """
    alpha, target = rendered.alpha, rgba[:, :, 3]
    common = torch.minimum(alpha, target).sum((2, 3))
    return 1 - (common / torch.maximum(alpha, target).sum((2, 3)).clamp(min=1)).mean()


def perceptual_loss(
    classifier: EfficientNetLite, rendered: RenderedImages, rgba: Tensor, background: Tensor
) -> Tensor:
    """Squared distance between the channel-normalized feature maps of a frozen classifier."""
    target = composite(rgba, background)
    with torch.no_grad():
        target_maps = classifier(target.flatten(0, 1), PERCEPTUAL_STAGES)
    maps = classifier(rendered.composited(background).clamp(0, 1).flatten(0, 1), PERCEPTUAL_STAGES)
    distances = [
        (F.normalize(a.float(), dim=1) - F.normalize(b.float(), dim=1)).square().sum(1).mean()
        for a, b in zip(maps, target_maps, strict=True)
    ]
    return torch.stack(distances).mean()


def random_background(count: int, device: torch.device) -> Tensor:
    """[B, 1, 3, 1, 1]: white for half, a uniform random color for the others."""
    white = torch.rand(count, 1, 1, 1, 1, device=device) < 0.5
    return torch.where(
        white, torch.ones(3, 1, 1, device=device), torch.rand(count, 1, 3, 1, 1, device=device)
    )
