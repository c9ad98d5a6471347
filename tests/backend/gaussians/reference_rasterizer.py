"""A plain reference rasteriser in torch, which the fast ones are compared with.

Every Gaussian is evaluated at every pixel, in order of depth; equations of Zwicker et al.,
"EWA splatting" (2001), and Kerbl et al., "3D Gaussian splatting" (2023).
"""

from __future__ import annotations

import torch
from torch import Tensor

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.transform import rotation_matrices
from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.depth_planes import projection_jacobian
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.rendering import (
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    NEAR_PLANE,
    Rendering,
    surface_offset,
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
    images = [_render(cloud, cameras, i, background, eps2d) for i in range(len(cameras))]
    colors, alphas, depths = (torch.stack(parts).numpy() for parts in zip(*images, strict=True))
    return Rendering(colors, alphas, depths)


def render_reference(
    gaussians: GaussianBatch, viewmat: Tensor, k: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """As `differentiable_rasterizer.render`, with torch's own gradients; `eps2d` is 0.3."""
    centers = gaussians.means[0] @ viewmat[:3, :3].T + viewmat[:3, 3]
    order = torch.argsort(centers[:, 2])
    order = order[centers[order, 2] >= NEAR_PLANE]
    axes = _rotations(gaussians.quats[0][order]) * gaussians.scales[0][order, None]
    centers = centers[order]
    linear = projection_jacobian(centers[None], viewmat[None], k[None], (size, size))[0]
    projected = linear @ axes @ axes.mT @ linear.mT + 0.3 * torch.eye(2)
    points = centers[:, :2] / centers[:, 2:] * k[[0, 1], [0, 1]] + k[:2, 2]
    alphas = _alphas(_offsets(points, size, size), projected, gaussians.opacities[0][order])
    weights = _blending_weights(alphas)
    return torch.einsum("nhw,nc->chw", weights, gaussians.colors[0][order]), weights.sum(0)


def _rotations(quats: Tensor) -> Tensor:
    """Matrices [N, 3, 3] of quaternions [N, 4], wxyz: v + 2 u x (w v + u x v) of each axis v.

    A formula of its own, so that the fast paths' one is tested too.
    """
    quats = torch.nn.functional.normalize(quats, dim=-1)
    w, u = quats[:, :1, None], quats[:, 1:, None].expand(-1, -1, 3)
    axes = torch.eye(3).expand(len(quats), 3, 3)
    rotated = w * axes + torch.linalg.cross(u, axes, dim=1)
    return axes + 2 * torch.linalg.cross(u, rotated, dim=1)


def _render(
    cloud: GaussianCloud,
    cameras: Cameras,
    index: int,
    background: tuple[float, float, float],
    eps2d: float,
) -> tuple[Tensor, Tensor, Tensor]:
    view = torch.from_numpy(cameras.viewmats[index])
    centers = torch.from_numpy(cloud.means) @ view[:3, :3].T + view[:3, 3]
    order = torch.argsort(centers[:, 2])
    order = order[centers[order, 2] >= NEAR_PLANE]
    centers = centers[order]
    covariances = _covariances(cloud)[order]
    intrinsics = torch.from_numpy(cameras.Ks[index])
    size = (cameras.width, cameras.height)
    linear = projection_jacobian(centers[None], view[None], intrinsics[None], size)[0]
    projected = linear @ covariances @ linear.mT + eps2d * torch.eye(2)
    points = centers[:, :2] / centers[:, 2:] * intrinsics[[0, 1], [0, 1]] + intrinsics[:2, 2]
    offsets = _offsets(points, cameras.width, cameras.height)
    opacities = torch.from_numpy(cloud.opacities)[order]
    alphas = _alphas(offsets, projected, opacities)
    weights = _blending_weights(alphas)  # [n, H, W]
    colors = torch.from_numpy(view_colors(cloud, cameras.positions[index]))[order]
    alpha = weights.sum(0)
    color = torch.einsum("nhw,nc->hwc", weights, colors)
    color = color + (1 - alpha)[..., None] * torch.tensor(background)
    across = linear @ covariances @ view[2, :3]  # covariance of the pixel with the depth
    slopes = torch.linalg.solve(projected, across)
    along = view[2, :3] @ covariances @ view[2, :3]
    conditional = (along - (slopes * across).sum(1)).clamp(min=0)
    offsets_along_ray = torch.from_numpy(surface_offset(cloud.opacities))[order]
    nearest = centers[:, 2] - offsets_along_ray * conditional.sqrt()
    depths = nearest[:, None, None] + torch.einsum("nhwi,ni->nhw", offsets, slopes)
    depth = (_crosses_half(alphas) * depths).sum(0)
    return color, alpha, depth


def _covariances(cloud: GaussianCloud) -> Tensor:
    axes = torch.from_numpy(rotation_matrices(cloud.quats) * cloud.scales[:, None, :])
    return axes @ axes.mT


def _offsets(points: Tensor, width: int, height: int) -> Tensor:
    """[n, H, W, 2]: from each projected centre to each pixel's."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y], dim=-1) - points[:, None, None]


def _alphas(offsets: Tensor, projected: Tensor, opacities: Tensor) -> Tensor:
    inverse = torch.linalg.inv(projected)
    squared = torch.einsum("nhwi,nij,nhwj->nhw", offsets, inverse, offsets)
    alphas = opacities[:, None, None] * torch.exp(-0.5 * squared)
    return torch.where(alphas >= MIN_ALPHA, alphas.clamp(max=MAX_ALPHA), 0.0)


def _blending_weights(alphas: Tensor) -> Tensor:
    """[n, H, W], front to back; 0 once the pixel is full."""
    after = torch.cumprod(1 - alphas, dim=0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    return torch.where(after > MIN_TRANSMITTANCE, alphas * before, 0.0)


def _crosses_half(alphas: Tensor) -> Tensor:
    """[n, H, W], 1 at the Gaussian that takes a pixel's transmittance below one half, else 0."""
    after = torch.cumprod(1 - alphas, dim=0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    return ((before >= 0.5) & (after < 0.5)).float()
