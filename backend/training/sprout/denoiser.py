"""Second stage: one network that estimates latents from a picture and samples them from text.

Every step mixes three kinds of samples: pictures at time 1 with zeros in place of noise (the direct
estimate, which is also rendered and compared with views), pictures at random times, and text alone
at random times. The decoder is trained along, on encoded and estimated latents; the encoder is
frozen.
"""

# pyright: reportArgumentType=false, reportReturnType=false, reportCallIssue=false
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.diffusion.rectified_flow import add_noise
from splatsmith.engines.sprout.model import DenoiserInputs, LatentDenoiser, SplatDecoder
from training.distributed import DistributedContext
from training.optimizer import Trainer, compile_blocks
from training.render_views import RING_VIEWS
from training.splat_rendering import (
    mean_square_loss,
    perceptual_loss,
    random_background,
    render,
    silhouette_loss,
)
from training.sprout.autoencoder import LATENT_NOISE, encode
from training.sprout.encoder import ViewEncoder
from training.sprout.recoloring import COLOR_NAMES, recolor_matrices
from training.sprout.text_dataset import TextDataset
from training.view_dataset import (
    ViewDataset,
    ViewSample,
    augment_pictures,
    gather_pictures,
    gather_views,
    random_sample,
)

log = logging.getLogger(__name__)

RECOLOR_SHARE = 0.3
OFF_RING_SHARE, SHADED_SHARE = 0.7, 0.5  # of the pictures: random elevation; diffuse light
FRAME_SHARE = 0.5  # of the pictures are given with their frame
SYNTHETIC_SHARE = 0.5  # of the objects in pictures
VIEWS_PER_OBJECT = 3
LATENT_WEIGHT = 0.5
PIXEL_WEIGHT = 8.0
PERCEPTUAL_WEIGHT = 0.4
SILHOUETTE_WEIGHT = 0.6
PICTURE_TEXT_SHARE = 0.4
ELEVATION_ERROR = 3.0  # degrees, standard deviation, for half of the pictures: users guess
TEXT_SHARE = 0.88
TEXT_RECOLOR_SHARE = 0.35  # of the objects with text get another color, named in it
REPORT_FRACTIONS = (0.7,)  # of the training time at which `report` is called


@dataclass(frozen=True)
class BatchSizes:
    """Samples of each kind per step and GPU."""

    estimates: int = 160
    noised_pictures: int = 32
    texts: int = 112
    encoded: int = 16  # encoded latents for the decoder


@dataclass(frozen=True)
class SproutNetworks:
    """The networks of the second stage; the encoder is frozen."""

    denoiser: LatentDenoiser
    decoder: SplatDecoder
    encoder: ViewEncoder

    def to(self, device: torch.device) -> SproutNetworks:
        encoder = self.encoder.to(device).eval().requires_grad_(False)
        return SproutNetworks(self.denoiser.to(device), self.decoder.to(device), encoder)


def train_denoiser(
    dataset: ViewDataset,
    texts: TextDataset,
    networks: SproutNetworks,
    seconds: float,
    context: DistributedContext,
    report: Callable[[LatentDenoiser, SplatDecoder, float], None],
) -> tuple[LatentDenoiser, SplatDecoder]:
    """Train for `seconds` and return the averaged networks; `report` gets them at
    REPORT_FRACTIONS.
    """
    device = dataset.rgba.device
    denoiser = networks.denoiser.train().requires_grad_(True)
    denoiser.feature_extractor.requires_grad_(False)
    decoder = networks.decoder.train().requires_grad_(True)
    trainer = Trainer({denoiser: 8e-4, decoder: 2.5e-4}, seconds, context)
    if device.type == "cuda":
        denoiser.feature_extractor.to(device, memory_format=torch.channels_last)
        for network in (networks.encoder, denoiser, decoder):
            compile_blocks(network)
    report_fractions, sizes = list(REPORT_FRACTIONS), BatchSizes()
    while trainer.fraction < 1:
        losses = _step_losses(dataset, texts, networks, sizes)
        trainer.step(sum(losses.values(), torch.zeros((), device=device)))
        if trainer.steps % 100 == 0 and context.is_main:
            line = " ".join(f"{name} {loss.item():.4f}" for name, loss in losses.items())
            log.info("denoiser %.0f%% step %d %s", 100 * trainer.fraction, trainer.steps, line)
        if report_fractions and report_fractions[0] < trainer.fraction:
            report_fractions.pop(0)
            report(trainer.averaged[denoiser], trainer.averaged[decoder], trainer.fraction)
    return trainer.averaged[denoiser], trainer.averaged[decoder]


def _step_losses(
    dataset: ViewDataset, texts: TextDataset, networks: SproutNetworks, sizes: BatchSizes
) -> dict[str, Tensor]:
    train_rows = dataset.split_indices("train")
    count = sizes.estimates + sizes.noised_pictures
    chosen = train_rows[torch.randint(len(train_rows), (count,), device=train_rows.device)]
    objects = dataset.mix_in_synthetic(dataset.random_forms(chosen), SYNTHETIC_SHARE)
    sample = random_sample(objects, RECOLOR_SHARE)
    latents = encode(dataset, sample, networks.encoder, networks.decoder)
    estimate, losses = _picture_losses(dataset, texts, networks, sample, latents, sizes.estimates)
    decoded_latents = torch.cat([estimate, _add_latent_noise(latents[-sizes.encoded :])])
    rows = torch.cat([torch.arange(sizes.estimates), torch.arange(count - sizes.encoded, count)])
    decoded_sample = _select_rows(sample, rows.to(train_rows.device))
    losses |= _render_losses(dataset, decoded_sample, networks, decoded_latents)
    losses["text"] = _text_loss(dataset, texts, networks, train_rows, sizes.texts)
    return losses


def _picture_losses(
    dataset: ViewDataset,
    texts: TextDataset,
    networks: SproutNetworks,
    sample: ViewSample,
    latents: Tensor,
    estimates: int,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Direct estimates of the first `estimates` samples, flow matching on the others."""
    device, count = latents.device, len(latents)
    off_ring, shaded = (
        torch.rand(count, device=device) < share for share in (OFF_RING_SHARE, SHADED_SHARE)
    )
    pictures, elevation = gather_pictures(dataset, sample, off_ring, shaded)
    elevation_error = ELEVATION_ERROR * torch.randn(count, device=device)
    elevation = elevation + elevation_error * (torch.rand(count, device=device) < 0.5)
    tokens, mask = texts.sample(sample.objects % len(dataset.records), PICTURE_TEXT_SHARE)
    without_text = (sample.color_matrix != torch.eye(3, device=device)).flatten(1).any(1)
    without_text |= dataset.is_synthetic(sample.objects)
    time = random_times(count, device)
    noisy = add_noise(latents, torch.randn_like(latents), time)
    time[:estimates], noisy[:estimates] = 1, 0
    framed = augment_pictures(pictures)
    has_frame = torch.rand(count, 1, device=device) < FRAME_SHARE
    frame = torch.where(has_frame, framed.frames, torch.nan)
    inputs = DenoiserInputs(
        tokens, mask & ~without_text[:, None], framed.pictures, elevation, frame
    )
    with torch.autocast(device.type, torch.bfloat16):
        predicted = networks.denoiser(noisy, time, inputs)
    error = (predicted - latents).square().mean((1, 2))
    flow = (error[estimates:] * _velocity_weight(time[estimates:])).mean()
    return predicted[:estimates], {
        "estimate": LATENT_WEIGHT * error[:estimates].mean(),
        "picture": flow * (count - estimates) / count,
    }


def _text_loss(
    dataset: ViewDataset,
    texts: TextDataset,
    networks: SproutNetworks,
    train_rows: Tensor,
    count: int,
) -> Tensor:
    """Flow matching on objects sampled by their text weights; text is dropped from some, for
    classifier-free guidance.
    """
    objects = train_rows[torch.multinomial(texts.weights[train_rows], count, replacement=True)]
    sample, color = _text_sample(dataset, texts, objects)
    latents = encode(dataset, sample, networks.encoder, networks.decoder)
    time = random_times(count, latents.device)
    noisy = add_noise(latents, torch.randn_like(latents), time)
    inputs = DenoiserInputs(*texts.sample(objects, TEXT_SHARE, color))
    with torch.autocast(latents.device.type, torch.bfloat16):
        predicted = networks.denoiser(noisy, time, inputs)
    return ((predicted - latents).square().mean((1, 2)) * _velocity_weight(time)).mean()


def _text_sample(
    dataset: ViewDataset, texts: TextDataset, objects: Tensor
) -> tuple[ViewSample, Tensor]:
    """Unrotated objects, half of them mirrored, some recolored; and the index of the new color
    [B], -1 = unchanged.
    """
    count, device = len(objects), objects.device
    rows = dataset.random_unrotated_forms(objects)
    color = torch.randint(len(COLOR_NAMES), (count,), device=device)
    color_matrix, possible = recolor_matrices(dataset.mean_colors[rows], color)
    recolored = possible & (texts.recolored[objects, 0] >= 0)
    recolored &= torch.rand(count, device=device) < TEXT_RECOLOR_SHARE
    unchanged = torch.eye(3, device=device)
    sample = ViewSample(
        rows,
        torch.zeros_like(objects),
        torch.rand(count, device=device) < 0.5,
        torch.where(recolored[:, None, None], color_matrix, unchanged),
    )
    return sample, torch.where(recolored, color, -1)


def _render_losses(
    dataset: ViewDataset, sample: ViewSample, networks: SproutNetworks, latents: Tensor
) -> dict[str, Tensor]:
    """Losses of decoded latents, rendered from random views, against the data set's views."""
    device, count = latents.device, len(latents)
    with torch.autocast(device.type, torch.bfloat16):
        cloud = networks.decoder(latents)
    azimuth_index = torch.randint(RING_VIEWS, (count, VIEWS_PER_OBJECT), device=device)
    target, _, elevation = gather_views(
        dataset, sample, azimuth_index, torch.rand_like(azimuth_index, dtype=torch.float) < 0.4
    )
    rendered = render(cloud, azimuth_index * (360 / RING_VIEWS), elevation)
    background = random_background(count, device)
    with torch.autocast(device.type, torch.bfloat16):
        perceptual = perceptual_loss(
            networks.denoiser.feature_extractor, rendered, target, background
        )
    return {
        "pixels": PIXEL_WEIGHT * mean_square_loss(rendered, target, background),
        "perceptual": PERCEPTUAL_WEIGHT * perceptual,
        "silhouettes": SILHOUETTE_WEIGHT * silhouette_loss(rendered, target),
    }


def random_times(count: int, device: torch.device) -> Tensor:
    """Logit-normal times [B], shifted towards noise: the tokens of an object are correlated."""
    return (0.5 + 1.1 * torch.randn(count, device=device)).sigmoid()


def _velocity_weight(time: Tensor) -> Tensor:
    """Weight [B] that turns the error of the clean sample into that of the velocity, clamped."""
    return 1 / time.clamp(min=0.25).square()


def _add_latent_noise(latents: Tensor) -> Tensor:
    return latents + LATENT_NOISE * torch.rand(
        len(latents), 1, 1, device=latents.device
    ) * torch.randn_like(latents)


def _select_rows(sample: ViewSample, rows: Tensor) -> ViewSample:
    return ViewSample(
        sample.objects[rows], sample.front[rows], sample.mirrored[rows], sample.color_matrix[rows]
    )
