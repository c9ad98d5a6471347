"""The denoiser's raw output as Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...contract.cloud import SH_C0
from ...gaussians.gaussian_batch import GaussianBatch
from .card import Subject
from .rays import Rays

SCALE_OFFSET, MAX_LOG_SCALE = -2.3, -1.2
OPACITY_OFFSET = -2.0
CHANNELS = (3, 3, 3, 4, 1)  # position, colour, scale, rotation, opacity


@dataclass(frozen=True)
class GaussianParameters:
    """B clouds of N Gaussians before activation, float32.

    means: [B, N, 3]. sh0: [B, N, 3], raw DC coefficients. log_scales: [B, N, 3].
    quats: [B, N, 4], wxyz, of any length. logits: [B, N, 1], of the opacities.
    """

    means: Tensor
    sh0: Tensor
    log_scales: Tensor
    quats: Tensor
    logits: Tensor

    def activated(self) -> GaussianBatch:
        return GaussianBatch(
            means=self.means,
            quats=torch.nn.functional.normalize(self.quats, dim=-1),
            scales=self.log_scales.exp(),
            opacities=self.logits[..., 0].sigmoid(),
            colors=(0.5 + SH_C0 * self.sh0).clamp(min=0),
        )


def decode_gaussians(raw: Tensor, rays: Rays, subject: Subject) -> GaussianParameters:
    """Gaussians of the denoiser's output [B, G + P, 14].

    The G global ones have the position that the network gives. Those of the P pixels lie on their
    rays [B, P, 3]: the mean of their three channels says how far away.
    """
    position, color, scale, rotation, opacity = raw.split(CHANNELS, -1)
    of_globals = raw.shape[-2] - rays.directions.shape[-2]
    values = position[..., of_globals:, :].mean(-1, keepdim=True)
    points = rays.points(rays.distances(subject, values))
    return GaussianParameters(
        means=torch.cat([position[..., :of_globals, :], points], -2),
        sh0=color,
        log_scales=(scale + SCALE_OFFSET).clamp(max=MAX_LOG_SCALE),
        quats=rotation,
        logits=opacity + OPACITY_OFFSET,
    )
