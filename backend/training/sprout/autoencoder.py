"""First stage: learn latents that a decoder turns into Gaussians which look right from
everywhere.
"""

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
from training.distributed import Team
from training.optimizer import Trainer, compile_blocks
from training.render_views import RING
from training.splat_rendering import picture_loss, random_background, render
from training.sprout.encoder import ViewEncoder
from training.sprout.validation import picture_condition
from training.view_dataset import Sample, ViewBank, random_sample, ring_views, take_views

log = logging.getLogger(__name__)

BATCH = 32
RENDERED = 6  # views per object and step
LATENT_NOISE = 0.3  # at most, so that the decoder forgives small errors
SCAFFOLD = 0.3  # share of the time in which the splat grids are led by the encoder's own views
RECOLOURED = 0.3
LED = 0.4  # share of the time in which an encoder for a given decoder is led by estimates


def train_autoencoder(
    bank: ViewBank, seconds: float, team: Team, batch: int = BATCH
) -> tuple[ViewEncoder, SplatDecoder]:
    """Train both halves for `seconds`; returns the averaged weights, the decoder's latents
    normalised.
    """
    device = bank.rgba.device
    encoder, decoder = ViewEncoder().to(device), SplatDecoder(SproutConfig()).to(device)
    trainer = Trainer({encoder: 1e-3, decoder: 1e-3}, seconds, team)
    if device.type == "cuda":
        compile_blocks(encoder)
        compile_blocks(decoder)
    members = bank.members("train")
    while trainer.fraction < 1:
        sample = random_sample(
            bank.copies(members[torch.randint(len(members), (batch,), device=device)]), RECOLOURED
        )
        loss = reconstruction_loss(
            bank, sample, encoder, decoder, max(0.0, 1 - trainer.fraction / SCAFFOLD)
        )
        trainer.step(loss)
        if trainer.steps % 200 == 0 and team.leads:
            log.info(
                "autoencoder %.0f%% step %d loss %.4f",
                100 * trainer.fraction,
                trainer.steps,
                loss.item(),
            )
    encoder, decoder = trainer.averaged[encoder], trainer.averaged[decoder]
    _normalise_latents(bank, encoder, decoder)
    team.share(decoder)
    return encoder, decoder


def train_encoder(
    bank: ViewBank,
    denoiser: LatentDenoiser,
    decoder: SplatDecoder,
    seconds: float,
    team: Team,
    batch: int = BATCH,
) -> ViewEncoder:
    """Train an encoder for a decoder that stands still, for `seconds`; at first it is led by what
    the denoiser estimates from a picture. Returns the averaged weights.
    """
    device = bank.rgba.device
    encoder = ViewEncoder().to(device)
    trainer = Trainer({encoder: 1e-3}, seconds, team)
    if device.type == "cuda":
        compile_blocks(encoder)
    members = bank.members("train")
    while trainer.fraction < 1:
        chosen = bank.copies(members[torch.randint(len(members), (batch,), device=device)])
        sample = random_sample(chosen, RECOLOURED)
        lead = max(0.0, 1 - trainer.fraction / LED)
        loss = reconstruction_loss(bank, sample, encoder, decoder)
        if lead:
            loss = loss + lead * _distance_to_estimates(bank, sample, encoder, decoder, denoiser)
        trainer.step(loss)
        if trainer.steps % 200 == 0 and team.leads:
            progress = (100 * trainer.fraction, trainer.steps, loss.item())
            log.info("encoder %.0f%% step %d loss %.4f", *progress)
    team.share(trainer.averaged[encoder])
    return trainer.averaged[encoder]


def _distance_to_estimates(
    bank: ViewBank,
    sample: Sample,
    encoder: ViewEncoder,
    decoder: SplatDecoder,
    denoiser: LatentDenoiser,
) -> Tensor:
    with torch.autocast(sample.objects.device.type, torch.bfloat16):
        with torch.no_grad():
            estimates = denoiser.estimate(picture_condition(bank, sample, framed=True))
        latents = encoder(*ring_views(bank, sample))
    return (normalised(latents, decoder) - estimates).square().mean()


def normalised(latents: Tensor, decoder: SplatDecoder) -> Tensor:
    """What an encoder makes, per channel as a decoder takes it; one that is still learning takes
    it as it is.
    """
    return (latents - decoder.latent_mean) / decoder.latent_std


def reconstruction_loss(
    bank: ViewBank,
    sample: Sample,
    encoder: ViewEncoder,
    decoder: SplatDecoder,
    scaffold: float = 0.0,
) -> Tensor:
    """How far the decoded latents of a sample look from it; `scaffold` is the share that the
    splat grids' distance to the encoder's own views has.
    """
    device, count = sample.objects.device, len(sample.objects)
    rgba, depth = ring_views(bank, sample)
    with torch.autocast(device.type, torch.bfloat16):
        latents = normalised(encoder(rgba, depth), decoder)
        blur = LATENT_NOISE * torch.rand(count, 1, 1, device=device)
        cloud = decoder(latents + blur * torch.randn_like(latents))
    place = torch.randint(RING, (count, RENDERED), device=device)
    target, target_depth, elevation = take_views(
        bank, sample, place, torch.rand_like(place, dtype=torch.float) < 0.4
    )
    drawn = render(cloud, place * (360 / RING), elevation)
    loss = picture_loss(drawn, target, target_depth, random_background(count, device))
    return loss + scaffold * _scaffold_loss(cloud, rgba, depth) if scaffold > 0 else loss


def _scaffold_loss(cloud: GaussianBatch, rgba: Tensor, depth: Tensor) -> Tensor:
    """Opacity and depth of the splat grids against the views they belong to; spares the start a
    search.
    """
    alpha = F.avg_pool2d(rgba[:, :, 3], 2)
    seen = F.max_pool2d(depth, 2)
    opacity = cloud.opacities.unflatten(1, (VIEWS, SPLATS_PER_SIDE, SPLATS_PER_SIDE))
    means = cloud.means.unflatten(1, (VIEWS, SPLATS_PER_SIDE, SPLATS_PER_SIDE))
    forward = torch.stack([view_rotation(90.0 * view, ELEVATION)[2] for view in range(VIEWS)]).to(
        means.device
    )
    reached = ((means - view_rays()[0].to(means.device)) * forward[:, None, None]).sum(-1)
    off = ((reached - seen).abs() * (alpha > 0.95)).sum() / (alpha > 0.95).sum().clamp(min=1)
    return 0.2 * F.binary_cross_entropy(opacity.clamp(1e-4, 1 - 1e-4), alpha) + 0.5 * off


@torch.no_grad()
def encode(bank: ViewBank, sample: Sample, encoder: ViewEncoder, decoder: SplatDecoder) -> Tensor:
    """Normalised latents [B, 256, 16] of a sample."""
    with torch.autocast(sample.objects.device.type, torch.bfloat16):
        latents = encoder(*ring_views(bank, sample))
    return normalised(latents, decoder)


@torch.no_grad()
def _normalise_latents(bank: ViewBank, encoder: ViewEncoder, decoder: SplatDecoder) -> None:
    """Store the channels' mean and deviation over the training set in the decoder."""
    members = bank.members("train")
    parts = [
        encode(bank, random_sample(bank.copies(part), RECOLOURED), encoder, decoder)
        for part in members.split(64)
    ]
    latents = torch.cat(parts).flatten(0, 1)
    decoder.latent_mean.copy_(latents.mean(0))
    decoder.latent_std.copy_(latents.std(0))
