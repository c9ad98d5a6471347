"""Second stage: one network that estimates latents from a picture and samples them from text.

Every step mixes three kinds of samples: pictures at time 1 with zeros for noise (the estimate,
which
is also rendered and compared in pixels), pictures at any time, and text alone at any time. The
decoder
goes on learning, from true and from estimated latents; the encoder stands still.
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
from training.distributed import Team
from training.optimizer import Trainer, compile_blocks
from training.render_views import RING
from training.splat_rendering import (
    mean_square_loss,
    perceptual_loss,
    random_background,
    render,
    silhouette_loss,
)
from training.sprout.autoencoder import LATENT_NOISE, encode
from training.sprout.encoder import ViewEncoder
from training.sprout.recoloring import NAMES, tint_matrices
from training.sprout.text_dataset import TextBank
from training.view_dataset import (
    Sample,
    ViewBank,
    random_sample,
    take_pictures,
    take_views,
    worn_pictures,
)

log = logging.getLogger(__name__)

RECOLOURED = 0.3
RAISED, LIT = 0.7, 0.5  # of the pictures: from any elevation; in soft light
FRAMED = 0.5  # of the pictures come with their frame
INVENTED = 0.5  # of the objects that are seen in pictures
RENDERED = 3
LATENT_SHARE = 0.5
PIXEL_SHARE = 8.0
PERCEPTUAL_SHARE = 0.4
SILHOUETTE_SHARE = 0.6
TEXT_WITH_PICTURE = 0.4
MISJUDGED = 3.0  # degrees: people do not know their pictures' elevation; half of them guess
TEXT_ALONE = 0.88
TINTED = 0.35  # of the objects drawn for their names get another colour, and its word
LOOKS = (0.7,)  # when the averaged networks are shown


@dataclass(frozen=True)
class Batches:
    """How many samples of each kind a step has on each GPU."""

    estimated: int = 160
    pictured: int = 32
    told: int = 112
    decoded: int = 16  # true latents for the decoder


@dataclass(frozen=True)
class Students:
    """The networks of the second stage; the encoder stands still."""

    denoiser: LatentDenoiser
    decoder: SplatDecoder
    encoder: ViewEncoder

    def to(self, device: torch.device) -> Students:
        encoder = self.encoder.to(device).eval().requires_grad_(False)
        return Students(self.denoiser.to(device), self.decoder.to(device), encoder)


def train_denoiser(
    bank: ViewBank,
    texts: TextBank,
    students: Students,
    seconds: float,
    team: Team,
    look: Callable[[LatentDenoiser, SplatDecoder, float], None],
) -> tuple[LatentDenoiser, SplatDecoder]:
    """Train for `seconds`; `look` is shown the averaged networks now and then. Returns them."""
    device = bank.rgba.device
    denoiser = students.denoiser.train().requires_grad_(True)
    denoiser.feature_extractor.requires_grad_(False)
    decoder = students.decoder.train().requires_grad_(True)
    trainer = Trainer({denoiser: 8e-4, decoder: 2.5e-4}, seconds, team)
    if device.type == "cuda":
        denoiser.feature_extractor.to(device, memory_format=torch.channels_last)
        for network in (students.encoder, denoiser, decoder):
            compile_blocks(network)
    looks, batches = list(LOOKS), Batches()
    while trainer.fraction < 1:
        losses = _step_losses(bank, texts, students, batches)
        trainer.step(sum(losses.values(), torch.zeros((), device=device)))
        if trainer.steps % 100 == 0 and team.leads:
            said = " ".join(f"{name} {loss.item():.4f}" for name, loss in losses.items())
            log.info("denoiser %.0f%% step %d %s", 100 * trainer.fraction, trainer.steps, said)
        if looks and looks[0] < trainer.fraction:
            looks.pop(0)
            look(trainer.averaged[denoiser], trainer.averaged[decoder], trainer.fraction)
    return trainer.averaged[denoiser], trainer.averaged[decoder]


def _step_losses(
    bank: ViewBank, texts: TextBank, students: Students, batches: Batches
) -> dict[str, Tensor]:
    members = bank.members("train")
    count = batches.estimated + batches.pictured
    chosen = members[torch.randint(len(members), (count,), device=members.device)]
    objects = bank.with_invented(bank.copies(chosen), INVENTED)
    sample = random_sample(objects, RECOLOURED)
    latents = encode(bank, sample, students.encoder, students.decoder)
    estimate, losses = _picture_losses(bank, texts, students, sample, latents, batches.estimated)
    shown = torch.cat([estimate, _blurred(latents[-batches.decoded :])])
    seen = torch.cat(
        [torch.arange(batches.estimated), torch.arange(count - batches.decoded, count)]
    )
    shown_sample = _part(sample, seen.to(members.device))
    losses |= _drawn_losses(bank, shown_sample, students, shown)
    losses["text"] = _text_loss(bank, texts, students, members, batches.told)
    return losses


def _picture_losses(
    bank: ViewBank,
    texts: TextBank,
    students: Students,
    sample: Sample,
    latents: Tensor,
    estimated: int,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The first `estimated` samples from nothing, the others from noised latents."""
    device, count = latents.device, len(latents)
    raised, lit = (torch.rand(count, device=device) < share for share in (RAISED, LIT))
    picture, elevation = take_pictures(bank, sample, raised, lit)
    misjudged = MISJUDGED * torch.randn(count, device=device)
    elevation = elevation + misjudged * (torch.rand(count, device=device) < 0.5)
    words, mask = texts.draw(sample.objects % len(bank.records), TEXT_WITH_PICTURE)
    nameless = (sample.recolour != torch.eye(3, device=device)).flatten(1).any(1)
    nameless |= bank.is_invented(sample.objects)
    time = random_times(count, device)
    noisy = add_noise(latents, torch.randn_like(latents), time)
    time[:estimated], noisy[:estimated] = 1, 0
    framed = worn_pictures(picture)
    told = torch.rand(count, 1, device=device) < FRAMED
    frame = torch.where(told, framed.frames, torch.nan)
    condition = DenoiserInputs(words, mask & ~nameless[:, None], framed.pictures, elevation, frame)
    with torch.autocast(device.type, torch.bfloat16):
        predicted = students.denoiser(noisy, time, condition)
    error = (predicted - latents).square().mean((1, 2))
    refined = (error[estimated:] * _velocity_weight(time[estimated:])).mean()
    return predicted[:estimated], {
        "estimate": LATENT_SHARE * error[:estimated].mean(),
        "picture": refined * (count - estimated) / count,
    }


def _text_loss(
    bank: ViewBank, texts: TextBank, students: Students, members: Tensor, count: int
) -> Tensor:
    """Objects as they face, drawn by their names' weights; some without text, for guidance."""
    objects = members[torch.multinomial(texts.weights[members], count, replacement=True)]
    sample, colour = _named_sample(bank, texts, objects)
    latents = encode(bank, sample, students.encoder, students.decoder)
    time = random_times(count, latents.device)
    noisy = add_noise(latents, torch.randn_like(latents), time)
    condition = DenoiserInputs(*texts.draw(objects, TEXT_ALONE, colour))
    with torch.autocast(latents.device.type, torch.bfloat16):
        predicted = students.denoiser(noisy, time, condition)
    return ((predicted - latents).square().mean((1, 2)) * _velocity_weight(time)).mean()


def _named_sample(bank: ViewBank, texts: TextBank, objects: Tensor) -> tuple[Sample, Tensor]:
    """Objects as they face or mirrored, some tinted; and which colour each took, -1 = its own."""
    count, device = len(objects), objects.device
    copies = bank.straight_copies(objects)
    colour = torch.randint(len(NAMES), (count,), device=device)
    recolour, possible = tint_matrices(bank.colours[copies], colour)
    tinted = possible & (texts.tinted[objects, 0] >= 0)
    tinted &= torch.rand(count, device=device) < TINTED
    unchanged = torch.eye(3, device=device)
    sample = Sample(
        copies,
        torch.zeros_like(objects),
        torch.rand(count, device=device) < 0.5,
        torch.where(tinted[:, None, None], recolour, unchanged),
    )
    return sample, torch.where(tinted, colour, -1)


def _drawn_losses(
    bank: ViewBank, sample: Sample, students: Students, latents: Tensor
) -> dict[str, Tensor]:
    """Decoded latents drawn from a few sides, against the true views."""
    device, count = latents.device, len(latents)
    with torch.autocast(device.type, torch.bfloat16):
        cloud = students.decoder(latents)
    place = torch.randint(RING, (count, RENDERED), device=device)
    target, _, elevation = take_views(
        bank, sample, place, torch.rand_like(place, dtype=torch.float) < 0.4
    )
    drawn = render(cloud, place * (360 / RING), elevation)
    background = random_background(count, device)
    with torch.autocast(device.type, torch.bfloat16):
        perceived = perceptual_loss(students.denoiser.feature_extractor, drawn, target, background)
    return {
        "pixels": PIXEL_SHARE * mean_square_loss(drawn, target, background),
        "perceived": PERCEPTUAL_SHARE * perceived,
        "silhouettes": SILHOUETTE_SHARE * silhouette_loss(drawn, target),
    }


def random_times(count: int, device: torch.device) -> Tensor:
    """Logit-normal times, rather noisy than clean: the tokens of one object say much about each
    other.
    """
    return (0.5 + 1.1 * torch.randn(count, device=device)).sigmoid()


def _velocity_weight(time: Tensor) -> Tensor:
    """Turns the error of the clean estimate into that of the velocity, held back near the clean
    end.
    """
    return 1 / time.clamp(min=0.25).square()


def _blurred(latents: Tensor) -> Tensor:
    return latents + LATENT_NOISE * torch.rand(
        len(latents), 1, 1, device=latents.device
    ) * torch.randn_like(latents)


def _part(sample: Sample, rows: Tensor) -> Sample:
    return Sample(
        sample.objects[rows], sample.turn[rows], sample.mirrored[rows], sample.recolour[rows]
    )
