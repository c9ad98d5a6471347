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
from training.render_views import RING_VIEWS, VIEWS
from training.view_dataset import (
    ViewDataset,
    ViewSample,
    gather_pictures,
    gather_views,
    identity_sample,
    on_white,
)

RenderFunction = Callable[[GaussianBatch, Tensor, Tensor], tuple[Tensor, Tensor]]
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


def validation_samples(objects: Tensor) -> ViewSample:
    """Each object from one azimuth that its number decides; all come up equally often."""
    return identity_sample(objects, objects * 5 % RING_VIEWS)


def unseen_views(dataset: ViewDataset, sample: ViewSample) -> tuple[Tensor, Tensor, Tensor]:
    """RGBA [B, 31, 4, 128, 128], azimuths and elevations [B, 31] of all but the picture."""
    view = torch.arange(1, VIEWS, device=sample.objects.device).expand(len(sample.objects), -1)
    rgba, _, elevation = gather_views(dataset, sample, view % RING_VIEWS, view >= RING_VIEWS)
    return rgba, (view % RING_VIEWS) * (360 / RING_VIEWS), elevation


def empty_text(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.zeros(count, 17, 384, device=device), torch.zeros(
        count, 17, dtype=torch.bool, device=device
    )


def picture_inputs(
    dataset: ViewDataset, sample: ViewSample, *, framed: bool = False
) -> DenoiserInputs:
    """An unlit picture from the ring's elevation, and no text; with its frame if `framed`."""
    no = torch.zeros_like(sample.mirrored)
    picture, elevation = gather_pictures(dataset, sample, no, no)
    told = empty_text(len(no), no.device)
    return DenoiserInputs(*told, picture.pictures, elevation, picture.frames if framed else None)


def psnr_and_iou(image: Tensor, alpha: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """PSNR and IoU [B, C] of RGB on white and alpha against premultiplied RGBA."""
    error = (image.clamp(0, 1) - on_white(target)).square().mean((2, 3, 4))
    psnr = -10 * error.clamp(min=1e-6).log10()
    ours, theirs = alpha > 0.5, target[:, :, 3] > 0.5
    union = (ours | theirs).sum((2, 3)).clamp(min=1)
    return psnr, (ours & theirs).sum((2, 3)) / union


@torch.inference_mode()
def measure_estimates(
    dataset: ViewDataset,
    split: Tensor,
    networks: tuple[Estimator, SplatDecoder],
    render: RenderFunction,
    *,
    framed: bool = False,
) -> Figures:
    """Estimates from one picture, with its frame if `framed`, over all unseen views of `split`."""
    estimator, decoder = networks
    rows = []
    for objects in split.split(16):
        sample = validation_samples(objects)
        target, azimuth, elevation = unseen_views(dataset, sample)
        cloud = decoder(estimator.estimate(picture_inputs(dataset, sample, framed=framed)))
        rows.append(torch.stack(psnr_and_iou(*render(cloud, azimuth, elevation), target)))
    return _figures(rows)


@torch.inference_mode()
def measure_nearest_objects(dataset: ViewDataset, split: Tensor) -> Figures:
    """The baseline, over the ring's views: the training object whose framed picture is nearest."""
    shown, pictures = _training_pictures(dataset)
    rows = []
    for objects in split.split(16):
        sample = validation_samples(objects)
        wanted = _thumbnails(dataset, sample)
        nearest = torch.cdist(wanted, pictures).argmin(1)
        found = identity_sample(shown[nearest, 0], shown[nearest, 1])
        target, _, _ = unseen_views(dataset, sample)
        place = torch.arange(1, RING_VIEWS, device=objects.device).expand(len(objects), -1)
        rgba, _, _ = gather_views(dataset, found, place, torch.zeros_like(place))
        rows.append(
            torch.stack(psnr_and_iou(on_white(rgba), rgba[:, :, 3], target[:, : RING_VIEWS - 1]))
        )
    return _figures(rows)


def _training_pictures(dataset: ViewDataset) -> tuple[Tensor, Tensor]:
    members = dataset.split_indices("train")
    pairs = torch.cartesian_prod(members, torch.arange(RING_VIEWS, device=members.device))
    samples = (identity_sample(part[:, 0], part[:, 1]) for part in pairs.split(256))
    return pairs, torch.cat([_thumbnails(dataset, sample) for sample in samples])


def _thumbnails(dataset: ViewDataset, sample: ViewSample) -> Tensor:
    no = torch.zeros_like(sample.mirrored)
    return thumbnail(gather_pictures(dataset, sample, no, no)[0].pictures)


def thumbnail(picture: Tensor) -> Tensor:
    """What framed pictures [B, 4, 128, 128] are looked up by, [B, 4096]."""
    return F.avg_pool2d(picture, 4).flatten(1)


def _figures(rows: list[Tensor]) -> Figures:
    psnr, iou = torch.cat(rows, 1).mean((1, 2)).tolist()
    return Figures(psnr, iou)
