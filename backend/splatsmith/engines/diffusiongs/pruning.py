"""Which Gaussians of the result are kept, and what leaving out the others costs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...gaussians.gaussian_batch import GaussianBatch

Render = Callable[[GaussianBatch], Tensor]


def visible(gaussians: GaussianBatch, opacity_threshold: float) -> Tensor:
    """[N] bool, of the first cloud: whose opacity is above the threshold."""
    return gaussians.opacities[0] > opacity_threshold


def within_box(gaussians: GaussianBatch, half_extent: float) -> Tensor:
    """[N] bool: whose centre's coordinates are all at most `half_extent` from the origin."""
    return (gaussians.means[0].abs() <= half_extent).all(-1)


def within_distance(gaussians: GaussianBatch, point: Tensor, distance: float) -> Tensor:
    """[N] bool: whose centre is at most `distance` from the point [3]."""
    return torch.linalg.vector_norm(gaussians.means[0] - point, dim=-1) <= distance


def select(gaussians: GaussianBatch, mask: Tensor) -> GaussianBatch:
    """The masked Gaussians of the first cloud."""
    return GaussianBatch(*(part[:, mask] for part in vars(gaussians).values()))


def keep_most_visible(gaussians: GaussianBatch, count: int) -> GaussianBatch:
    """The `count` Gaussians that hide most: by opacity times the area of their larger section."""
    scales = gaussians.scales[0].sort(-1).values
    weights = gaussians.opacities[0] * scales[:, 1] * scales[:, 2]
    kept = weights.topk(count, sorted=False).indices.sort().values
    return GaussianBatch(*(part[:, kept] for part in vars(gaussians).values()))


def image_psnr(before: Tensor, after: Tensor) -> float:
    """dB between renderings, clamped to 0..1; 100 if they are equal."""
    error = (before.clamp(0, 1) - after.clamp(0, 1)).square().mean()
    return float(-10 * error.clamp(min=1e-10).log10())
