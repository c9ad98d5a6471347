"""The figures: PSNR and silhouette IoU over unseen views, for estimates and for looking up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.engines.sprout.model import DenoiserInputs, SplatDecoder
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from training.render_views import RING, VIEWS
from training.view_dataset import (
    Sample,
    ViewBank,
    on_white,
    plain_sample,
    take_pictures,
    take_views,
)

Draw = Callable[[GaussianBatch, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Clouds and cameras (azimuth, elevation [B, C]) to RGB on white [B, C, 3, 128, 128] and alpha."""


class Estimator(Protocol):
    """Whatever turns a picture into latents: the denoiser's direct estimate, or samples."""

    def estimate(self, condition: DenoiserInputs) -> Tensor: ...


@dataclass(frozen=True)
class Figures:
    """Means over objects and unseen views at 128 x 128 on white."""

    psnr: float  # dB
    iou: float

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.2f} dB, IoU {self.iou:.3f}"


def front_samples(objects: Tensor) -> Sample:
    """Each object from one azimuth that its number decides; all come up equally often."""
    return plain_sample(objects, objects * 5 % RING)


def unseen_views(bank: ViewBank, sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
    """RGBA [B, 31, 4, 128, 128], azimuths and elevations [B, 31] of all but the picture."""
    view = torch.arange(1, VIEWS, device=sample.objects.device).expand(len(sample.objects), -1)
    rgba, _, elevation = take_views(bank, sample, view % RING, view >= RING)
    return rgba, (view % RING) * (360 / RING), elevation


def wordless(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.zeros(count, 17, 384, device=device), torch.zeros(
        count, 17, dtype=torch.bool, device=device
    )


def picture_condition(bank: ViewBank, sample: Sample, *, framed: bool = False) -> DenoiserInputs:
    """An unlit picture from the ring's elevation, and no text; with its frame if `framed`."""
    no = torch.zeros_like(sample.mirrored)
    picture, elevation = take_pictures(bank, sample, no, no)
    told = wordless(len(no), no.device)
    return DenoiserInputs(*told, picture.pictures, elevation, picture.frames if framed else None)


def compare(image: Tensor, alpha: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """PSNR and IoU [B, C] of RGB on white and alpha against premultiplied RGBA."""
    error = (image.clamp(0, 1) - on_white(target)).square().mean((2, 3, 4))
    psnr = -10 * error.clamp(min=1e-6).log10()
    ours, theirs = alpha > 0.5, target[:, :, 3] > 0.5
    union = (ours | theirs).sum((2, 3)).clamp(min=1)
    return psnr, (ours & theirs).sum((2, 3)) / union


@torch.inference_mode()
def measure_estimates(
    bank: ViewBank,
    split: Tensor,
    networks: tuple[Estimator, SplatDecoder],
    draw: Draw,
    *,
    framed: bool = False,
) -> Figures:
    """Estimates from one picture, with its frame if `framed`, over all unseen views of `split`."""
    estimator, decoder = networks
    rows = []
    for objects in split.split(16):
        sample = front_samples(objects)
        target, azimuth, elevation = unseen_views(bank, sample)
        cloud = decoder(estimator.estimate(picture_condition(bank, sample, framed=framed)))
        rows.append(torch.stack(compare(*draw(cloud, azimuth, elevation), target)))
    return _figures(rows)


@torch.inference_mode()
def measure_looking_up(bank: ViewBank, split: Tensor) -> Figures:
    """The baseline, over the ring's views: the training object whose framed picture is nearest."""
    shown, pictures = _training_pictures(bank)
    rows = []
    for objects in split.split(16):
        sample = front_samples(objects)
        wanted = _thumbnails(bank, sample)
        nearest = torch.cdist(wanted, pictures).argmin(1)
        found = plain_sample(shown[nearest, 0], shown[nearest, 1])
        target, _, _ = unseen_views(bank, sample)
        place = torch.arange(1, RING, device=objects.device).expand(len(objects), -1)
        rgba, _, _ = take_views(bank, found, place, torch.zeros_like(place))
        rows.append(torch.stack(compare(on_white(rgba), rgba[:, :, 3], target[:, : RING - 1])))
    return _figures(rows)


def _training_pictures(bank: ViewBank) -> tuple[Tensor, Tensor]:
    members = bank.members("train")
    pairs = torch.cartesian_prod(members, torch.arange(RING, device=members.device))
    samples = (plain_sample(part[:, 0], part[:, 1]) for part in pairs.split(256))
    return pairs, torch.cat([_thumbnails(bank, sample) for sample in samples])


def _thumbnails(bank: ViewBank, sample: Sample) -> Tensor:
    no = torch.zeros_like(sample.mirrored)
    return thumbnail(take_pictures(bank, sample, no, no)[0].pictures)


def thumbnail(picture: Tensor) -> Tensor:
    """What framed pictures [B, 4, 128, 128] are looked up by, [B, 4096]."""
    return F.avg_pool2d(picture, 4).flatten(1)


def _figures(rows: list[Tensor]) -> Figures:
    psnr, iou = torch.cat(rows, 1).mean((1, 2)).tolist()
    return Figures(psnr, iou)
