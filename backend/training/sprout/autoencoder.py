"""First stage: an autoencoder from four views to latents to Gaussians, trained by rendering."""

# pyright: reportArgumentType=false, reportReturnType=false, reportCallIssue=false
from __future__ import annotations

import logging

import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.engines.sprout.model import (
    ELEVATION,
    SPLATS_PER_SIDE,
    VIEWS,
    LatentDenoiser,
    SplatDecoder,
    SproutConfig,
    view_rays,
    view_rotation,
)
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from training.distributed import DistributedContext
from training.optimizer import Trainer, compile_blocks
from training.render_views import RING_VIEWS
from training.splat_rendering import image_loss, random_background, render
from training.sprout.encoder import ViewEncoder
from training.sprout.validation import picture_inputs
from training.view_dataset import ViewDataset, ViewSample, gather_views, random_sample, ring_views

log = logging.getLogger(__name__)

BATCH = 32
VIEWS_PER_OBJECT = 6  # rendered per step
LATENT_NOISE = 0.3  # largest standard deviation; makes the decoder tolerate small errors
DIRECT_FRACTION = 0.3  # of the time has a direct loss on the splats' depth and opacity
RECOLOR_SHARE = 0.3
ESTIMATE_FRACTION = 0.4  # of the time has a loss to the denoiser's estimates, in train_encoder


def train_autoencoder(
    dataset: ViewDataset, seconds: float, context: DistributedContext, batch: int = BATCH
) -> tuple[ViewEncoder, SplatDecoder]:
    """Train both for `seconds`; returns the averaged weights, with latent statistics set."""
    device = dataset.rgba.device
    encoder, decoder = ViewEncoder().to(device), SplatDecoder(SproutConfig()).to(device)
    trainer = Trainer({encoder: 1e-3, decoder: 1e-3}, seconds, context)
    if device.type == "cuda":
        compile_blocks(encoder)
        compile_blocks(decoder)
    train_rows = dataset.split_indices("train")
    while trainer.fraction < 1:
        sample = random_sample(
            dataset.random_forms(
                train_rows[torch.randint(len(train_rows), (batch,), device=device)]
            ),
            RECOLOR_SHARE,
        )
        loss = reconstruction_loss(
            dataset, sample, encoder, decoder, max(0.0, 1 - trainer.fraction / DIRECT_FRACTION)
        )
        trainer.step(loss)
        if trainer.steps % 200 == 0 and context.is_main:
            log.info(
                "autoencoder %.0f%% step %d loss %.4f",
                100 * trainer.fraction,
                trainer.steps,
                loss.item(),
            )
    encoder, decoder = trainer.averaged[encoder], trainer.averaged[decoder]
    _store_latent_statistics(dataset, encoder, decoder)
    context.broadcast_parameters(decoder)
    return encoder, decoder


def train_encoder(
    dataset: ViewDataset,
    denoiser: LatentDenoiser,
    decoder: SplatDecoder,
    seconds: float,
    context: DistributedContext,
    batch: int = BATCH,
) -> ViewEncoder:
    """Train an encoder for a frozen decoder for `seconds`; returns the averaged weights.

    At first its latents are also drawn towards the denoiser's estimates from one picture.
    """
    device = dataset.rgba.device
    encoder = ViewEncoder().to(device)
    trainer = Trainer({encoder: 1e-3}, seconds, context)
    if device.type == "cuda":
        compile_blocks(encoder)
    train_rows = dataset.split_indices("train")
    while trainer.fraction < 1:
        objects = dataset.random_forms(
            train_rows[torch.randint(len(train_rows), (batch,), device=device)]
        )
        sample = random_sample(objects, RECOLOR_SHARE)
        estimate_weight = max(0.0, 1 - trainer.fraction / ESTIMATE_FRACTION)
        loss = reconstruction_loss(dataset, sample, encoder, decoder)
        if estimate_weight:
            loss = loss + estimate_weight * _estimate_distance(
                dataset, sample, encoder, decoder, denoiser
            )
        trainer.step(loss)
        if trainer.steps % 200 == 0 and context.is_main:
            progress = (100 * trainer.fraction, trainer.steps, loss.item())
            log.info("encoder %.0f%% step %d loss %.4f", *progress)
    context.broadcast_parameters(trainer.averaged[encoder])
    return trainer.averaged[encoder]


def _estimate_distance(
    dataset: ViewDataset,
    sample: ViewSample,
    encoder: ViewEncoder,
    decoder: SplatDecoder,
    denoiser: LatentDenoiser,
) -> Tensor:
    with torch.autocast(sample.objects.device.type, torch.bfloat16):
        with torch.no_grad():
            estimates = denoiser.estimate(picture_inputs(dataset, sample, with_frames=True))
        latents = encoder(*ring_views(dataset, sample))
    return (normalize_latents(latents, decoder) - estimates).square().mean()


def normalize_latents(latents: Tensor, decoder: SplatDecoder) -> Tensor:
    """Latents standardized per channel; a decoder without statistics leaves them unchanged."""
    return (latents - decoder.latent_mean) / decoder.latent_std


def reconstruction_loss(
    dataset: ViewDataset,
    sample: ViewSample,
    encoder: ViewEncoder,
    decoder: SplatDecoder,
    direct_weight: float = 0.0,
) -> Tensor:
    """Image loss of encoded, noised and decoded samples from random views, plus
    `direct_weight` x the direct loss on the encoder's own four views.
    """
    device, count = sample.objects.device, len(sample.objects)
    rgba, depth = ring_views(dataset, sample)
    with torch.autocast(device.type, torch.bfloat16):
        latents = normalize_latents(encoder(rgba, depth), decoder)
        noise_scale = LATENT_NOISE * torch.rand(count, 1, 1, device=device)
        cloud = decoder(latents + noise_scale * torch.randn_like(latents))
    azimuth_index = torch.randint(RING_VIEWS, (count, VIEWS_PER_OBJECT), device=device)
    target, target_depth, elevation = gather_views(
        dataset, sample, azimuth_index, torch.rand_like(azimuth_index, dtype=torch.float) < 0.4
    )
    rendered = render(cloud, azimuth_index * (360 / RING_VIEWS), elevation)
    loss = image_loss(rendered, target, target_depth, random_background(count, device))
    return loss + direct_weight * _direct_loss(cloud, rgba, depth) if direct_weight > 0 else loss


def _direct_loss(cloud: GaussianBatch, rgba: Tensor, depth: Tensor) -> Tensor:
    """Opacity and depth of the pixel-aligned splats against their views, without rendering;
    speeds up the start of training.
    """
    alpha = F.avg_pool2d(rgba[:, :, 3], 2)
    target_depth = F.max_pool2d(depth, 2)
    opacity = cloud.opacities.unflatten(1, (VIEWS, SPLATS_PER_SIDE, SPLATS_PER_SIDE))
    means = cloud.means.unflatten(1, (VIEWS, SPLATS_PER_SIDE, SPLATS_PER_SIDE))
    forward = torch.stack([view_rotation(90.0 * view, ELEVATION)[2] for view in range(VIEWS)]).to(
        means.device
    )
    depths = ((means - view_rays()[0].to(means.device)) * forward[:, None, None]).sum(-1)
    depth_error = ((depths - target_depth).abs() * (alpha > 0.95)).sum() / (
        alpha > 0.95
    ).sum().clamp(min=1)
    return 0.2 * F.binary_cross_entropy(opacity.clamp(1e-4, 1 - 1e-4), alpha) + 0.5 * depth_error


@torch.no_grad()
def encode(
    dataset: ViewDataset, sample: ViewSample, encoder: ViewEncoder, decoder: SplatDecoder
) -> Tensor:
    """Normalized latents [B, 256, 16] of a sample."""
    with torch.autocast(sample.objects.device.type, torch.bfloat16):
        latents = encoder(*ring_views(dataset, sample))
    return normalize_latents(latents, decoder)


@torch.no_grad()
def _store_latent_statistics(
    dataset: ViewDataset, encoder: ViewEncoder, decoder: SplatDecoder
) -> None:
    """Set the decoder's latent mean and standard deviation from the training set."""
    train_rows = dataset.split_indices("train")
    parts = [
        encode(dataset, random_sample(dataset.random_forms(part), RECOLOR_SHARE), encoder, decoder)
        for part in train_rows.split(64)
    ]
    latents = torch.cat(parts).flatten(0, 1)
    decoder.latent_mean.copy_(latents.mean(0))
    decoder.latent_std.copy_(latents.std(0))
