"""Differentiable renderings of B clouds, each from V cameras of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from splatsmith.engines.diffusiongs.views import NEAR_PLANE
from splatsmith.gaussians.differentiable_rasterizer import render
from splatsmith.gaussians.gaussian_batch import GaussianBatch


def render_views(gaussians: GaussianBatch, c2w: Tensor, fxfycxcy: Tensor, size: int) -> Tensor:
    """[B, V, 3, S, S] over white; colors may exceed 1.

    Args:
        c2w: [B, V, 4, 4], OpenCV axes. fxfycxcy: [B, V, 4] in pixels.
        size: pixels a side.
    """
    viewmats = torch.linalg.inv(c2w).contiguous()
    ks = torch.zeros(*c2w.shape[:2], 3, 3, device=c2w.device)
    ks[..., [0, 1], [0, 1]], ks[..., :2, 2], ks[..., 2, 2] = *fxfycxcy.split(2, -1), 1.0
    if c2w.is_cuda:
        return _render_gpu(gaussians, viewmats, ks, size)
    return torch.stack(
        [
            _render_cloud(_cloud(gaussians, index), viewmats[index], ks[index], size)
            for index in range(len(c2w))
        ]
    )


def _render_gpu(gaussians: GaussianBatch, viewmats: Tensor, ks: Tensor, size: int) -> Tensor:
    from gsplat import rasterization  # noqa: PLC0415 - takes seconds to import

    colors, alphas, _ = rasterization(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.colors,
        viewmats, ks, size, size, near_plane=NEAR_PLANE, packed=False,
    )  # fmt: skip
    return (colors + 1 - alphas).movedim(-1, -3)


def _render_cloud(gaussians: GaussianBatch, viewmats: Tensor, ks: Tensor, size: int) -> Tensor:
    """[V, 3, S, S] of the batch's first cloud."""
    views = []
    for viewmat, k in zip(viewmats, ks, strict=True):
        colors, alphas = render(gaussians, viewmat, k, size, NEAR_PLANE)
        views.append(colors + 1 - alphas)
    return torch.stack(views)


def _cloud(gaussians: GaussianBatch, index: int) -> GaussianBatch:
    return GaussianBatch(*(part[index : index + 1] for part in vars(gaussians).values()))
