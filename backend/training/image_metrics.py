"""Image metrics of objects that are reconstructed from one picture, over their unseen views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.gaussians.gaussian_batch import GaussianBatch
from training.objects import ObjectRecord
from training.orbit_views import METRIC_ORBIT, as_images, render_orbits
from training.view_dataset import FramedPictures, frame_pictures, on_white

BATCH = 16

RenderFunction = Callable[[GaussianBatch, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Gaussians, azimuths and elevations [B, C] to RGB on white [B, C, 3, 128, 128] and alpha."""


@dataclass(frozen=True)
class InputPictures:
    """B framed pictures and their cameras."""

    rgba: Tensor  # [B, 4, 128, 128], RGB on white and alpha, -1..1
    elevation: Tensor  # [B] degrees
    frames: Tensor | None  # [B, 3], see FramedPictures; None = not known


Reconstruct = Callable[[InputPictures], GaussianBatch]
"""B pictures to B objects; their azimuth 0 is the pictures'."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""RGB [B, C, 3, H, W] 0..1 twice to perceptual distances [B, C], see metric_networks."""


@dataclass(frozen=True)
class ImageMetrics:
    """Means over objects and their 11 unseen views, 128 x 128 on white."""

    psnr: float  # dB
    iou: float  # of silhouettes
    st_lpips: float

    @classmethod
    def mean(cls, objects: Tensor) -> ImageMetrics:
        """Of the metrics [O, 3] of single objects."""
        return cls(*objects.mean(0).tolist())

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.2f} dB, IoU {self.iou:.3f}, ST-LPIPS {self.st_lpips:.3f}"


@dataclass(frozen=True)
class SingleViewTask:
    """Objects of which one view each is the input and the others are the targets."""

    views: Tensor  # [O, 12, 128, 128, 4] uint8, premultiplied
    input_views: Tensor  # [O] index of the input view

    @classmethod
    def of(cls, objects: Path, records: list[ObjectRecord]) -> SingleViewTask:
        """Every azimuth is the input equally often."""
        input_views = torch.arange(len(records)) * 5 % METRIC_ORBIT.count
        return cls(render_orbits(objects, records, METRIC_ORBIT), input_views)

    def inputs(self, rows: slice) -> FramedPictures:
        views, input_views = self.views[rows], self.input_views[rows]
        return frame_pictures(as_images(views[torch.arange(len(views)), input_views]))

    def unseen(self, rows: slice) -> Tensor:
        """RGBA [B, 11, 4, 128, 128] of the other views, in the orbit's order from the input on."""
        indices = self.input_views[rows, None] + torch.arange(1, METRIC_ORBIT.count)
        views = self.views[rows]
        return as_images(views[torch.arange(len(views))[:, None], indices % METRIC_ORBIT.count])

    def batches(self) -> list[slice]:
        return [slice(start, start + BATCH) for start in range(0, len(self.views), BATCH)]


@dataclass(frozen=True)
class NearestTrainingView:
    """The baseline: retrieval of the training object with the most similar framed view."""

    views: Tensor  # [K, 12, 128, 128, 4] uint8, premultiplied
    thumbnails: Tensor  # [12 K, 4096] of all views

    @classmethod
    def of(cls, objects: Path, training: list[ObjectRecord]) -> NearestTrainingView:
        views = render_orbits(objects, training, METRIC_ORBIT)
        framed = (frame_pictures(as_images(part)) for part in views.flatten(0, 1).split(256))
        return cls(views, torch.cat([thumbnail(part.pictures) for part in framed]))

    def retrieve(self, pictures: Tensor) -> Tensor:
        """RGBA [B, 11, 4, 128, 128] of the object nearest to each framed picture [B, 4, 128, 128]:
        its other views, in the orbit's order from the nearest view on.
        """
        nearest = torch.cdist(thumbnail(pictures), self.thumbnails).argmin(1)
        objects, view = nearest // METRIC_ORBIT.count, nearest % METRIC_ORBIT.count
        indices = view[:, None] + torch.arange(1, METRIC_ORBIT.count)
        return as_images(self.views[objects[:, None], indices % METRIC_ORBIT.count])


def thumbnail(pictures: Tensor) -> Tensor:
    """Descriptors [B, 4096] of framed pictures [B, 4, 128, 128], for retrieval."""
    return F.avg_pool2d(pictures, 4).flatten(1)


def psnr_and_iou(image: Tensor, alpha: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """PSNR in dB and silhouette IoU [B, C] of RGB on white [B, C, 3, H, W] and alpha [B, C, H, W]
    against premultiplied RGBA [B, C, 4, H, W].
    """
    error = (image.clamp(0, 1) - on_white(target)).square().mean((2, 3, 4))
    psnr = -10 * error.clamp(min=1e-6).log10()
    ours, theirs = alpha > 0.5, target[:, :, 3] > 0.5
    union = (ours | theirs).sum((2, 3)).clamp(min=1)
    return psnr, (ours & theirs).sum((2, 3)) / union


@dataclass(frozen=True)
class Reconstruction:
    """A method that makes Gaussians of pictures, how they are rendered, and where it runs."""

    reconstruct: Reconstruct
    render: RenderFunction
    device: str
    with_frames: bool = False  # whether the method is given the pictures' frames

    @torch.inference_mode()
    def unseen_views(self, task: SingleViewTask, rows: slice) -> tuple[Tensor, Tensor]:
        """RGB on white [B, 11, 3, 128, 128] and alpha of the reconstructions in unseen views."""
        framed = task.inputs(rows)
        count = len(framed.pictures)
        azimuth = torch.tensor(METRIC_ORBIT.azimuths[1:], device=self.device).expand(count, -1)
        elevation = torch.full((count,), METRIC_ORBIT.elevation, device=self.device)
        frames = framed.frames.to(self.device) if self.with_frames else None
        inputs = InputPictures(framed.pictures.to(self.device), elevation, frames)
        cloud = self.reconstruct(inputs)
        image, alpha = self.render(cloud, azimuth, elevation[:, None].expand_as(azimuth))
        return image.cpu().clamp(0, 1), alpha.cpu()


def measure_reconstructions(
    task: SingleViewTask, method: Reconstruction, distance: Distance
) -> Tensor:
    """PSNR, IoU and ST-LPIPS [O, 3] of every object, means over its unseen views."""
    metrics = []
    for rows in task.batches():
        image, alpha = method.unseen_views(task, rows)
        metrics.append(_compare(image, alpha, task.unseen(rows), distance))
    return torch.cat(metrics)


def measure_nearest_objects(
    task: SingleViewTask, training: NearestTrainingView, distance: Distance
) -> Tensor:
    """PSNR, IoU and ST-LPIPS [O, 3] of the retrieved training objects."""
    metrics = []
    for rows in task.batches():
        views = training.retrieve(task.inputs(rows).pictures)
        metrics.append(_compare(on_white(views), views[:, :, 3], task.unseen(rows), distance))
    return torch.cat(metrics)


@torch.inference_mode()
def _compare(image: Tensor, alpha: Tensor, target: Tensor, distance: Distance) -> Tensor:
    """[B, 3], means over views."""
    psnr, iou = psnr_and_iou(image, alpha, target)
    return torch.stack([psnr, iou, distance(image, on_white(target))], -1).mean(1)
