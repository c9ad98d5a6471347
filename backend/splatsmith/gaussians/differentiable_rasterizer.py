"""Pictures of Gaussians through which torch can differentiate, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .blend_gradients import LEARNT, blend, blend_back
from .depth_planes import linearise
from .gaussian_batch import GaussianBatch
from .projection import COLUMNS, DEPTH, REACH_X, REACH_Y
from .rasterize import EPS2D
from .rasterize_cpu import bin_splats
from .rendering import MIN_ALPHA, NEAR_PLANE, REACH


def render(
    gaussians: GaussianBatch, viewmat: Tensor, k: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """Colours [3, S, S] over black and alphas [S, S] of the batch's first cloud.

    Args:
        viewmat: [4, 4], world to camera, OpenCV axes.
        k: [3, 3] in pixels; may be differentiated too.
        size: pixels a side.
    """
    learnt, fixed = _project(gaussians, viewmat, k, size)
    if learnt.is_cuda:
        from . import rasterize_cuda  # gsplat takes seconds to import

        if rasterize_cuda.has_kernels():
            return rasterize_cuda.blend(learnt, fixed, size)
    drawn: tuple[Tensor, Tensor] = _Blend.apply(learnt.cpu(), fixed.cpu(), size)  # pyright: ignore
    colors, light = drawn
    return colors.movedim(-1, 0).to(learnt.device), (1 - light).to(learnt.device)


def _project(
    gaussians: GaussianBatch, viewmat: Tensor, k: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """What is LEARNT of the splats [N, 9], and their depths and reaches [N, 3].

    The reaches of those that are not seen are below 0.
    """
    means, opacities = gaussians.means[0], gaussians.opacities[0]
    axes = _rotations(gaussians.quats[0]) * gaussians.scales[0][:, None]
    centres = means @ viewmat[:3, :3].mT + viewmat[:3, 3]
    seen = (centres[:, 2] >= NEAR_PLANE) & (opacities >= MIN_ALPHA)
    # What is behind the camera is not seen, but would bring infinities into the gradients.
    centres = torch.cat([centres[:, :2], centres[:, 2:].clamp(min=NEAR_PLANE)], 1)
    linear = linearise(centres[None], viewmat[None], k[None], (size, size))[0]
    flattened = linear @ axes
    flat = flattened @ flattened.mT + EPS2D * torch.eye(2, device=means.device)
    focal, middle = k[:2, :2].diagonal(), k[:2, 2]
    places = centres[:, :2] / centres[:, 2:] * focal + middle
    xx, xy, yy = flat[:, 0, 0], flat[:, 0, 1], flat[:, 1, 1]
    conics = torch.stack([yy, -xy, xx], 1) / (xx * yy - xy * xy)[:, None]
    reach = (2 * (opacities / MIN_ALPHA).clamp(min=1).log()).sqrt().clamp(max=REACH)
    reaches = reach[:, None] * torch.stack([xx, yy], 1).sqrt()
    fixed = torch.cat([centres[:, 2:], torch.where(seen[:, None], reaches, -1.0)], 1)
    return torch.cat([places, conics, opacities[:, None], gaussians.colors[0]], 1), fixed.detach()


def _rotations(quats: Tensor) -> Tensor:
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, learnt: Tensor, fixed: Tensor, size: int) -> tuple[Tensor, Tensor]:
        table = np.zeros((len(learnt), COLUMNS), np.float32)
        table[:, LEARNT] = learnt.detach().numpy()
        table[:, [DEPTH, REACH_X, REACH_Y]] = fixed.numpy()
        order = np.argsort(table[:, DEPTH], kind="stable")
        order = order[table[order, REACH_X] >= 0]
        splats = table[order]
        bins = bin_splats(splats, size, size)
        colors = np.empty((size, size, 3), np.float32)
        light = np.empty((size, size), np.float32)
        stops = np.empty((size, size), np.int64)
        blend(splats, bins, (colors, light, stops))
        ctx.kept = (splats, bins, (colors, light, stops), order, len(learnt))
        return torch.from_numpy(colors), torch.from_numpy(light)

    @staticmethod
    def backward(ctx: Any, *wanted: Tensor) -> tuple[Tensor, None, None]:
        splats, bins, blended, order, count = ctx.kept
        by_color, by_light = (np.ascontiguousarray(part.numpy()) for part in wanted)
        gradients = np.zeros((count, len(LEARNT)), np.float32)
        gradients[order] = blend_back(splats, bins, blended, (by_color, by_light))
        return torch.from_numpy(gradients), None, None
