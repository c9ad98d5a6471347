"""Splatting written down plainly in torch: what the fast rasterisers are held against.

Every Gaussian is evaluated at every pixel, in the order of depth; equations of Zwicker et al.,
"EWA splatting" (2001), and Kerbl et al., "3D Gaussian splatting" (2023).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..contract.cloud import GaussianCloud
from ..contract.transform import rotation_matrices
from .cameras import Cameras
from .depth_planes import linearise
from .gaussian_batch import GaussianBatch
from .rendering import (
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    NEAR_PLANE,
    Rendering,
    skin,
    view_colors,
)


def rasterize_reference(
    cloud: GaussianCloud,
    cameras: Cameras,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    eps2d: float = 0.3,
) -> Rendering:
    """As `rasterize`, but slow: time and memory grow with Gaussians times pixels."""
    pictures = [_draw(cloud, cameras, i, background, eps2d) for i in range(len(cameras))]
    colors, alphas, depths = (torch.stack(parts).numpy() for parts in zip(*pictures, strict=True))
    return Rendering(colors, alphas, depths)


def draw_reference(
    gaussians: GaussianBatch, viewmat: Tensor, k: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """As `differentiable.draw`, by torch's own gradients; `eps2d` is 0.3."""
    centres = gaussians.means[0] @ viewmat[:3, :3].T + viewmat[:3, 3]
    order = torch.argsort(centres[:, 2])
    order = order[centres[order, 2] >= NEAR_PLANE]
    axes = _rotations(gaussians.quats[0][order]) * gaussians.scales[0][order, None]
    centres = centres[order]
    linear = linearise(centres[None], viewmat[None], k[None], (size, size))[0]
    flat = linear @ axes @ axes.mT @ linear.mT + 0.3 * torch.eye(2)
    points = centres[:, :2] / centres[:, 2:] * k[[0, 1], [0, 1]] + k[:2, 2]
    alphas = _alphas(_offsets(points, size, size), flat, gaussians.opacities[0][order])
    weights = _front_to_back(alphas)
    return torch.einsum("nhw,nc->chw", weights, gaussians.colors[0][order]), weights.sum(0)


def _rotations(quats: Tensor) -> Tensor:
    """Matrices [N, 3, 3] of quaternions [N, 4], wxyz: v + 2 u x (w v + u x v) of every axis v."""
    quats = torch.nn.functional.normalize(quats, dim=-1)
    w, u = quats[:, :1, None], quats[:, 1:, None].expand(-1, -1, 3)
    axes = torch.eye(3).expand(len(quats), 3, 3)
    turned = w * axes + torch.linalg.cross(u, axes, dim=1)
    return axes + 2 * torch.linalg.cross(u, turned, dim=1)


def _draw(
    cloud: GaussianCloud,
    cameras: Cameras,
    index: int,
    background: tuple[float, float, float],
    eps2d: float,
) -> tuple[Tensor, Tensor, Tensor]:
    view = torch.from_numpy(cameras.viewmats[index])
    centres = torch.from_numpy(cloud.means) @ view[:3, :3].T + view[:3, 3]
    order = torch.argsort(centres[:, 2])
    order = order[centres[order, 2] >= NEAR_PLANE]
    centres = centres[order]
    covariances = _covariances(cloud)[order]
    intrinsics = torch.from_numpy(cameras.Ks[index])
    size = (cameras.width, cameras.height)
    linear = linearise(centres[None], view[None], intrinsics[None], size)[0]
    flat = linear @ covariances @ linear.mT + eps2d * torch.eye(2)
    points = centres[:, :2] / centres[:, 2:] * intrinsics[[0, 1], [0, 1]] + intrinsics[:2, 2]
    offsets = _offsets(points, cameras.width, cameras.height)
    opacities = torch.from_numpy(cloud.opacities)[order]
    alphas = _alphas(offsets, flat, opacities)
    weights = _front_to_back(alphas)  # [n, H, W]
    colors = torch.from_numpy(view_colors(cloud, cameras.positions[index]))[order]
    alpha = weights.sum(0)
    color = torch.einsum("nhw,nc->hwc", weights, colors)
    color = color + (1 - alpha)[..., None] * torch.tensor(background)
    across = linear @ covariances @ view[2, :3]  # covariance of the pixel with the depth
    slopes = torch.linalg.solve(flat, across)
    along = view[2, :3] @ covariances @ view[2, :3]
    left = (along - (slopes * across).sum(1)).clamp(min=0)
    skins = torch.from_numpy(skin(cloud.opacities))[order]
    nearest = centres[:, 2] - skins * left.sqrt()
    depths = nearest[:, None, None] + torch.einsum("nhwi,ni->nhw", offsets, slopes)
    depth = (_halving(alphas) * depths).sum(0)
    return color, alpha, depth


def _covariances(cloud: GaussianCloud) -> Tensor:
    axes = torch.from_numpy(rotation_matrices(cloud.quats) * cloud.scales[:, None, :])
    return axes @ axes.mT


def _offsets(points: Tensor, width: int, height: int) -> Tensor:
    """[n, H, W, 2]: from each projected centre to each pixel's."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y], dim=-1) - points[:, None, None]


def _alphas(offsets: Tensor, flat: Tensor, opacities: Tensor) -> Tensor:
    inverse = torch.linalg.inv(flat)
    squared = torch.einsum("nhwi,nij,nhwj->nhw", offsets, inverse, offsets)
    alphas = opacities[:, None, None] * torch.exp(-0.5 * squared)
    return torch.where(alphas >= MIN_ALPHA, alphas.clamp(max=MAX_ALPHA), 0.0)


def _front_to_back(alphas: Tensor) -> Tensor:
    """What each Gaussian adds to each pixel; nothing once the pixel is full."""
    after = torch.cumprod(1 - alphas, dim=0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    return torch.where(after > MIN_TRANSMITTANCE, alphas * before, 0.0)


def _halving(alphas: Tensor) -> Tensor:
    """[n, H, W] 1 at the Gaussian that takes a pixel's light below one half, else 0."""
    after = torch.cumprod(1 - alphas, dim=0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    return ((before >= 0.5) & (after < 0.5)).float()
