"""Differentiable rendering of batches of clouds with gsplat, and the losses on the pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from gsplat import rasterization
from torch import Tensor
from torch.nn import functional as F

from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.nn.efficientnet import EfficientNetLite
from training.render_views import DISTANCE, FOV, SIZE

PERCEIVED = 4  # stages of the classifier that pictures are compared by


@dataclass(frozen=True)
class Pictures:
    """rgb [B, C, 3, 128, 128] premultiplied; alpha and depth [B, C, 128, 128]."""

    rgb: Tensor
    alpha: Tensor
    depth: Tensor

    def on(self, background: Tensor) -> Tensor:
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


def render(cloud: GaussianBatch, azimuth: Tensor, elevation: Tensor) -> Pictures:
    """Draw each of B clouds from its C cameras, azimuth and elevation [B, C] in degrees."""
    focal = SIZE / 2 / math.tan(math.radians(FOV / 2))
    intrinsics = torch.tensor(
        [[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1]], device=azimuth.device
    )
    drawn, alpha, _ = rasterization(
        cloud.means, cloud.quats, cloud.scales, cloud.opacities, cloud.colors,
        view_matrices(azimuth, elevation), intrinsics.expand(*azimuth.shape, 3, 3).contiguous(),
        SIZE, SIZE, near_plane=0.1, far_plane=10.0, packed=False, render_mode="RGB+ED",
    )  # fmt: skip
    rgb, depth = drawn.permute(0, 1, 4, 2, 3).split((3, 1), 2)
    return Pictures(rgb, alpha[..., 0], depth[:, :, 0])


def draw_on_white(
    cloud: GaussianBatch, azimuth: Tensor, elevation: Tensor
) -> tuple[Tensor, Tensor]:
    """RGB on white [B, C, 3, 128, 128] and alpha [B, C, 128, 128], as the figures are taken."""
    drawn = render(cloud, azimuth, elevation)
    return drawn.on(torch.ones(3, 1, 1, device=azimuth.device)), drawn.alpha


def over(rgba: Tensor, background: Tensor) -> Tensor:
    """RGB of premultiplied views [B, C, 4, H, W] over a background [B, 1, 3, 1, 1]."""
    return rgba[:, :, :3] + (1 - rgba[:, :, 3:]) * background


def picture_loss(drawn: Pictures, rgba: Tensor, depth: Tensor, background: Tensor) -> Tensor:
    """L1 + 2 MSE + half the L1 of gradients, and L1 of alpha, and of depth where it is opaque."""
    target_alpha = rgba[:, :, 3]
    target = over(rgba, background)
    image = drawn.on(background)
    difference = image - target
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    color = difference.abs().mean() + 2 * difference.square().mean() + 0.5 * edges
    opaque = (depth > 0) & (target_alpha > 0.95)
    far_off = ((drawn.depth - depth).abs() * opaque).sum() / opaque.sum().clamp(min=1)
    return color + 0.5 * (drawn.alpha - target_alpha).abs().mean() + 0.1 * far_off


def mean_square_loss(drawn: Pictures, rgba: Tensor, background: Tensor) -> Tensor:
    """For estimates, where the best answer to doubt is the mean: MSE first, some L1, alpha
    likewise.
    """
    target = over(rgba, background)
    difference = drawn.on(background) - target
    alpha = drawn.alpha - rgba[:, :, 3]
    return (
        2 * difference.square().mean() + 0.3 * difference.abs().mean() + 0.5 * alpha.square().mean()
    )


def silhouette_loss(drawn: Pictures, rgba: Tensor) -> Tensor:
    """1 - soft IoU of the alphas, of each picture by itself: thin things count as much as large
    ones, and half-transparent answers to doubt do not pay.
    """
    alpha, target = drawn.alpha, rgba[:, :, 3]
    common = torch.minimum(alpha, target).sum((2, 3))
    return 1 - (common / torch.maximum(alpha, target).sum((2, 3)).clamp(min=1)).mean()


def perceptual_loss(
    classifier: EfficientNetLite, drawn: Pictures, rgba: Tensor, background: Tensor
) -> Tensor:
    """How different the pictures look to a classifier of photographs: the squared distance of its
    first maps' unit vectors.
    """
    target = over(rgba, background)
    with torch.no_grad():
        wanted = classifier(target.flatten(0, 1), PERCEIVED)
    found = classifier(drawn.on(background).clamp(0, 1).flatten(0, 1), PERCEIVED)
    distances = [
        (F.normalize(a.float(), dim=1) - F.normalize(b.float(), dim=1)).square().sum(1).mean()
        for a, b in zip(found, wanted, strict=True)
    ]
    return torch.stack(distances).mean()


def random_background(count: int, device: torch.device) -> Tensor:
    """[B, 1, 3, 1, 1]: white for half, any colour for the others."""
    white = torch.rand(count, 1, 1, 1, 1, device=device) < 0.5
    return torch.where(
        white, torch.ones(3, 1, 1, device=device), torch.rand(count, 1, 3, 1, 1, device=device)
    )
