"""The training objective of the paper.

The network sees a clean view and noisy ones at a random time of the diffusion. Its Gaussians are
rendered: from the input views, which estimates x_0 of the noisy ones (denoising loss), and from
novel views (novel-view loss). Objects begin with a warm-up in which the distances of Gaussians from
their cameras are brought to the object's (point-distribution loss), and nothing is rendered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.diffusion.ddpm import TRAINING_STEPS, cosine_betas
from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.denoiser import Denoiser
from splatsmith.engines.diffusiongs.gaussian_parameters import GaussianParameters, decode_gaussians
from splatsmith.engines.diffusiongs.rays import Rays
from splatsmith.nn.efficientnet import EfficientNetLite
from training.diffusiongs.rendering import render_views
from training.splat_rendering import RenderedImages, perceptual_loss

POINT_DEVIATION = 0.5  # standard deviation of the distances from a camera, after the warm-up


@dataclass(frozen=True)
class TrainingBatch:
    """B samples of V views; the clean one is first, the other inputs follow, then novel views.

    images: [B, V, 3, S, S] on white, 0..1. c2w: [B, V, 4, 4] in the network's world, OpenCV axes.
    fxfycxcy: [B, V, 4] in pixels.
    inputs: number of views that the network takes.
    """

    subject: Subject
    images: Tensor
    c2w: Tensor
    fxfycxcy: Tensor
    inputs: int

    @property
    def size(self) -> int:
        return self.images.shape[-1]


@dataclass(frozen=True)
class DiffusionNoise:
    """times: [B] int64, 0..999. noise: [B, V, 3, S, S] unit noise of the noisy views."""

    times: Tensor
    noise: Tensor

    @classmethod
    def draw(cls, batch: TrainingBatch, generator: torch.Generator) -> DiffusionNoise:
        count, device = len(batch.images), batch.images.device
        times = torch.randint(TRAINING_STEPS, (count,), generator=generator, device=device)
        shape = (count, batch.inputs - 1, *batch.images.shape[2:])
        return cls(times, torch.randn(shape, generator=generator, device=device))

    def add_to(self, clean: Tensor) -> Tensor:
        """x_t of views x_0 [B, V, 3, S, S], by the cosine schedule."""
        alpha_bars = torch.from_numpy(np.cumprod(1 - cosine_betas())).to(clean)
        kept = alpha_bars[self.times][:, None, None, None, None]
        return kept.sqrt() * clean + (1 - kept).sqrt() * self.noise


@dataclass(frozen=True)
class LossWeights:
    """Of image losses; the mean squared error has weight 1.

    perceptual: of the distance between a classifier's feature maps. 0: none is needed.
    """

    novel: float = 1.0
    perceptual: float = 0.0


def predict(
    denoiser: Denoiser, batch: TrainingBatch, noise: DiffusionNoise
) -> tuple[GaussianParameters, Rays]:
    """Gaussians of the batch at the noise's times, and the rays [B, P, 3] of its P pixels."""
    clean = batch.images[:, : batch.inputs]
    images = torch.cat([clean[:, :1], noise.add_to(clean[:, 1:])], 1)
    rays = Rays.of_cameras(
        batch.c2w[:, : batch.inputs].flatten(0, 1),
        batch.fxfycxcy[:, : batch.inputs].flatten(0, 1),
        batch.size,
        batch.size,
    )
    features = rays.features(batch.subject).unflatten(0, clean.shape[:2])
    raw = denoiser(images, features, noise.times)
    flat = rays.in_patch_order(denoiser.config.patch)
    count = len(batch.images)
    pixel_rays = Rays(
        flat.origins.unflatten(0, (count, -1)), flat.directions.unflatten(0, (count, -1))
    )
    return decode_gaussians(raw, pixel_rays, batch.subject), pixel_rays


def image_losses(
    gaussians: GaussianParameters,
    batch: TrainingBatch,
    weights: LossWeights,
    classifier: EfficientNetLite | None,
) -> dict[str, Tensor]:
    """Denoising and novel-view losses, weighted; both with a perceptual part where there is one."""
    rendered = render_views(gaussians.activated(), batch.c2w, batch.fxfycxcy, batch.size)
    error = (rendered - batch.images).square().mean((0, 2, 3, 4))  # of each view
    losses = {
        "denoising": error[: batch.inputs].mean(),
        "novel": weights.novel * error[batch.inputs :].mean(),
    }
    if classifier is not None and weights.perceptual:
        losses["perceptual"] = weights.perceptual * _perceptual(classifier, rendered, batch.images)
    return losses


def point_distribution_loss(gaussians: GaussianParameters, rays: Rays, views: int) -> Tensor:
    """Mean squared distance of the Gaussians' distances from their cameras to the same, moved and
    scaled in each view to POINT_DEVIATION about the camera's distance from the origin.

    Args:
        rays: [B, P, 3] of the P pixels of `views` views.
    """
    points = gaussians.means[:, -rays.directions.shape[1] :]
    distances = (points - rays.origins).norm(dim=-1).unflatten(1, (views, -1))
    camera_distances = rays.origins.norm(dim=-1).unflatten(1, (views, -1))
    detached = distances.detach()
    centered = detached - detached.mean(-1, keepdim=True)
    deviation = detached.std(-1, keepdim=True) + 1e-8
    target = centered / deviation * POINT_DEVIATION + camera_distances
    return F.mse_loss(distances, target)


def _perceptual(classifier: EfficientNetLite, rendered: Tensor, target: Tensor) -> Tensor:
    opaque = torch.ones_like(target[:, :, 0])
    images = RenderedImages(rendered, opaque, opaque)
    rgba = torch.cat([target, opaque[:, :, None]], 2)
    white = torch.ones(1, 1, 3, 1, 1, device=target.device)
    with torch.autocast(target.device.type, torch.bfloat16, enabled=target.is_cuda):
        return perceptual_loss(classifier, images, rgba, white)
