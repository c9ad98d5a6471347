"""Metrics during training: PSNR and silhouette IoU of direct estimates over unseen views."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.engines.sprout.model import DenoiserInputs, LatentDenoiser, SplatDecoder
from training.image_metrics import RenderFunction, psnr_and_iou, thumbnail
from training.render_views import RING_VIEWS, VIEWS
from training.view_dataset import (
    ViewDataset,
    ViewSample,
    gather_pictures,
    gather_views,
    identity_sample,
    on_white,
)

Networks = tuple[LatentDenoiser, SplatDecoder]


@dataclass(frozen=True)
class ValidationMetrics:
    """Means over objects and unseen views at 128 x 128 on white."""

    psnr: float  # dB
    iou: float

    @classmethod
    def mean(cls, batches: list[Tensor]) -> ValidationMetrics:
        """Of PSNR and IoU [2, B, C] of batches."""
        return cls(*torch.cat(batches, 1).mean((1, 2)).tolist())

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.2f} dB, IoU {self.iou:.3f}"


def validation_samples(objects: Tensor) -> ViewSample:
    """Each object from an azimuth given by its row; all azimuths occur equally often."""
    return identity_sample(objects, objects * 5 % RING_VIEWS)


def unseen_views(dataset: ViewDataset, sample: ViewSample) -> tuple[Tensor, Tensor, Tensor]:
    """RGBA [B, 31, 4, 128, 128], azimuths and elevations [B, 31] of all views but the input."""
    view = torch.arange(1, VIEWS, device=sample.objects.device).expand(len(sample.objects), -1)
    rgba, _, elevation = gather_views(dataset, sample, view % RING_VIEWS, view >= RING_VIEWS)
    return rgba, (view % RING_VIEWS) * (360 / RING_VIEWS), elevation


def empty_text(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [B, 17, 384] and mask [B, 17] of no text."""
    tokens = torch.zeros(count, 17, 384, device=device)
    return tokens, torch.zeros(count, 17, dtype=torch.bool, device=device)


def picture_inputs(
    dataset: ViewDataset, sample: ViewSample, *, with_frames: bool = False
) -> DenoiserInputs:
    """Unlit pictures from the ring's elevation, without text."""
    none = torch.zeros_like(sample.mirrored)
    framed, elevation = gather_pictures(dataset, sample, none, none)
    frames = framed.frames if with_frames else None
    return DenoiserInputs(*empty_text(len(none), none.device), framed.pictures, elevation, frames)


@torch.inference_mode()
def measure_estimates(
    dataset: ViewDataset,
    rows: Tensor,
    networks: Networks,
    render: RenderFunction,
    *,
    with_frames: bool = False,
) -> ValidationMetrics:
    """Of direct estimates from one picture of the objects in `rows`, over all unseen views."""
    denoiser, decoder = networks
    metrics = []
    for objects in rows.split(16):
        sample = validation_samples(objects)
        target, azimuth, elevation = unseen_views(dataset, sample)
        inputs = picture_inputs(dataset, sample, with_frames=with_frames)
        image, alpha = render(decoder(denoiser.estimate(inputs)), azimuth, elevation)
        metrics.append(torch.stack(psnr_and_iou(image, alpha, target)))
    return ValidationMetrics.mean(metrics)


@torch.inference_mode()
def measure_nearest_objects(dataset: ViewDataset, rows: Tensor) -> ValidationMetrics:
    """The baseline, over the ring's views: the training object with the nearest framed picture."""
    views, thumbnails = _training_thumbnails(dataset)
    metrics = []
    for objects in rows.split(16):
        sample = validation_samples(objects)
        nearest = views[torch.cdist(_thumbnails(dataset, sample), thumbnails).argmin(1)]
        retrieved = identity_sample(nearest[:, 0], nearest[:, 1])
        target, _, _ = unseen_views(dataset, sample)
        indices = torch.arange(1, RING_VIEWS, device=objects.device).expand(len(objects), -1)
        rgba, _, _ = gather_views(dataset, retrieved, indices, torch.zeros_like(indices))
        image, alpha = on_white(rgba), rgba[:, :, 3]
        metrics.append(torch.stack(psnr_and_iou(image, alpha, target[:, : RING_VIEWS - 1])))
    return ValidationMetrics.mean(metrics)


def _training_thumbnails(dataset: ViewDataset) -> tuple[Tensor, Tensor]:
    """Rows and azimuths [16 T, 2] of all ring views of training objects, and their thumbnails."""
    rows = dataset.split_indices("train")
    views = torch.cartesian_prod(rows, torch.arange(RING_VIEWS, device=rows.device))
    samples = (identity_sample(part[:, 0], part[:, 1]) for part in views.split(256))
    return views, torch.cat([_thumbnails(dataset, sample) for sample in samples])


def _thumbnails(dataset: ViewDataset, sample: ViewSample) -> Tensor:
    none = torch.zeros_like(sample.mirrored)
    return thumbnail(gather_pictures(dataset, sample, none, none)[0].pictures)
