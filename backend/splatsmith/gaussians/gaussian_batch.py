"""Batches of Gaussians as torch tensors, and the pixel rays that image generators place them on.

Image generators predict one Gaussian per pixel of a few views ("splat grids", DiffSplat, Lin et al.
2025).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..contract.cloud import SH_C0, GaussianCloud


@dataclass(frozen=True)
class GaussianBatch:
    """B clouds of N Gaussians each."""

    means: Tensor  # [B, N, 3]
    quats: Tensor  # [B, N, 4], wxyz
    scales: Tensor  # [B, N, 3], linear
    opacities: Tensor  # [B, N], 0..1
    colors: Tensor  # [B, N, 3], sRGB 0..1


def pixel_rays(x: Tensor, y: Tensor, rotations: Tensor) -> Tensor:
    """Ray directions in world space, scaled to z-depth 1: [V, H, W, 3], OpenCV axes.

    Args:
        x, y: [V, W] and [V, H], coordinates on the image plane at z-depth 1.
        rotations: [V, 3, 3], camera to world.
    """
    columns = x[:, None, :].expand(-1, y.shape[1], -1)
    rows = y[:, :, None].expand(-1, -1, x.shape[1])
    in_camera = torch.stack([columns, rows, torch.ones_like(rows)], -1)
    return in_camera @ rotations[:, None].mT


def to_cloud(gaussians: GaussianBatch, opacity_threshold: float) -> GaussianCloud:
    """The first cloud of a batch, without Gaussians whose opacity is not above the threshold.

    Quaternions are normalised. All values leave the device in a single transfer.
    """
    columns = (
        gaussians.means[0],
        torch.nn.functional.normalize(gaussians.quats[0], dim=-1),
        gaussians.scales[0],
        gaussians.opacities[0, :, None],
        (gaussians.colors[0] - 0.5) / SH_C0,
    )
    table = torch.cat([column.float() for column in columns], 1).cpu().numpy()
    table = table[table[:, 10] > opacity_threshold]
    parts = np.split(table, (3, 7, 10, 11), axis=1)
    means, quats, scales, opacities, sh0 = (np.ascontiguousarray(part) for part in parts)
    none = np.zeros((len(table), 0, 3), np.float32)
    return GaussianCloud(means, quats, scales, opacities[:, 0].copy(), sh0, none)
