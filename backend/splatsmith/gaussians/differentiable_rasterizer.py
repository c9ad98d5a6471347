"""Rasterisation that torch can differentiate, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .blend_gradients import (
    GRADIENT_COLUMNS,
    Bins,
    Blended,
    ImageGradients,
    blend_backward,
    blend_forward,
)
from .depth_planes import projection_jacobian
from .gaussian_batch import GaussianBatch
from .projection import COLUMNS, DEPTH, EXTENT_X, EXTENT_Y
from .rasterize import EPS2D
from .rasterize_cpu import bin_splats
from .rendering import CUTOFF_SIGMAS, MIN_ALPHA, NEAR_PLANE
from .rotations import rotation_matrices


def render(
    gaussians: GaussianBatch, viewmat: Tensor, k: Tensor, size: int, near: float = NEAR_PLANE
) -> tuple[Tensor, Tensor]:
    """Colours [3, S, S] over black and alphas [S, S] of the batch's first cloud.

    Args:
        viewmat: [4, 4], world to camera, OpenCV axes.
        k: [3, 3] in pixels; may require gradients too.
        size: pixels a side.
        near: Gaussians with a smaller z-depth are not drawn.
    """
    splats, fixed = _project(gaussians, viewmat, k, size, near)
    if splats.is_cuda:
        from . import rasterize_cuda  # gsplat takes seconds to import

        if rasterize_cuda.has_kernels():
            return rasterize_cuda.blend(splats, fixed, size)
    blended: tuple[Tensor, Tensor] = _Blend.apply(splats.cpu(), fixed.cpu(), size)  # pyright: ignore
    colors, transmittance = blended
    return colors.movedim(-1, 0).to(splats.device), (1 - transmittance).to(splats.device)


def _project(
    gaussians: GaussianBatch, viewmat: Tensor, k: Tensor, size: int, near: float
) -> tuple[Tensor, Tensor]:
    """The splats' GRADIENT_COLUMNS [N, 9], and their depths and extents [N, 3].

    The extents of invisible ones are below 0.
    """
    means, opacities = gaussians.means[0], gaussians.opacities[0]
    axes = rotation_matrices(gaussians.quats[0]) * gaussians.scales[0][:, None]
    centers = means @ viewmat[:3, :3].mT + viewmat[:3, 3]
    visible = (centers[:, 2] >= near) & (opacities >= MIN_ALPHA)
    # Those behind the camera are invisible, but would bring infinities into the gradients.
    centers = torch.cat([centers[:, :2], centers[:, 2:].clamp(min=near)], 1)
    linear = projection_jacobian(centers[None], viewmat[None], k[None], (size, size))[0]
    projected_axes = linear @ axes
    covariances = projected_axes @ projected_axes.mT + EPS2D * torch.eye(2, device=means.device)
    focal, middle = k[:2, :2].diagonal(), k[:2, 2]
    positions = centers[:, :2] / centers[:, 2:] * focal + middle
    xx, xy, yy = covariances[:, 0, 0], covariances[:, 0, 1], covariances[:, 1, 1]
    conics = torch.stack([yy, -xy, xx], 1) / (xx * yy - xy * xy)[:, None]
    sigmas = (2 * (opacities / MIN_ALPHA).clamp(min=1).log()).sqrt().clamp(max=CUTOFF_SIGMAS)
    extents = sigmas[:, None] * torch.stack([xx, yy], 1).sqrt()
    fixed = torch.cat([centers[:, 2:], torch.where(visible[:, None], extents, -1.0)], 1)
    columns = [positions, conics, opacities[:, None], gaussians.colors[0]]
    return torch.cat(columns, 1), fixed.detach()


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, splats: Tensor, fixed: Tensor, size: int) -> tuple[Tensor, Tensor]:
        table = np.zeros((len(splats), COLUMNS), np.float32)
        table[:, GRADIENT_COLUMNS] = splats.detach().numpy()
        table[:, [DEPTH, EXTENT_X, EXTENT_Y]] = fixed.numpy()
        order = np.argsort(table[:, DEPTH], kind="stable")
        order = order[table[order, EXTENT_X] >= 0]
        table = table[order]
        bins = Bins(*bin_splats(table, size, size))
        blended = Blended(
            np.empty((size, size, 3), np.float32),
            np.empty((size, size), np.float32),
            np.empty((size, size), np.int64),
        )
        blend_forward(table, bins, blended)
        ctx.saved = (table, bins, blended, order, len(splats))
        return torch.from_numpy(blended.colors), torch.from_numpy(blended.transmittance)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        table, bins, blended, order, count = ctx.saved
        image = ImageGradients(*(np.ascontiguousarray(part.numpy()) for part in outputs))
        gradients = np.zeros((count, len(GRADIENT_COLUMNS)), np.float32)
        gradients[order] = blend_backward(table, bins, blended, image)
        return torch.from_numpy(gradients), None, None
