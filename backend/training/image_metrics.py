"""How well one picture becomes an object: figures over the views that were not shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.engines.sprout.model import DenoiserInputs
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from training.judge_networks import PerceptualDistance
from training.objects import ObjectRecord
from training.orbit_views import METRIC_ORBIT, as_images, render_orbits
from training.sprout.validation import RenderFunction, empty_text, psnr_and_iou, thumbnail
from training.view_dataset import FramedPictures, frame_pictures, on_white

BATCH = 16

Reconstruct = Callable[[DenoiserInputs], GaussianBatch]
"""Pictures of B objects to B clouds."""


@dataclass(frozen=True)
class Figures:
    """Means over objects and their 11 unseen views, 128 x 128 on white."""

    psnr: float  # dB
    iou: float  # of silhouettes
    distance: float  # ST-LPIPS

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.2f} dB, IoU {self.iou:.3f}, ST-LPIPS {self.distance:.3f}"


@dataclass(frozen=True)
class SingleViewTask:
    """Objects of which one picture each is shown."""

    views: Tensor  # [O, 12, 128, 128, 4] uint8, premultiplied
    fronts: Tensor  # [O], the place of the picture that is shown

    @classmethod
    def of(cls, objects: Path, records: list[ObjectRecord]) -> SingleViewTask:
        """Every place on the circle is shown equally often."""
        fronts = torch.arange(len(records)) * 5 % METRIC_ORBIT.count
        return cls(render_orbits(objects, records, METRIC_ORBIT), fronts)

    def pictures(self, rows: slice) -> FramedPictures:
        """The pictures that are shown."""
        views, fronts = self.views[rows], self.fronts[rows]
        return frame_pictures(as_images(views[torch.arange(len(views)), fronts]))

    def unseen(self, rows: slice) -> Tensor:
        """RGBA [B, 11, 4, 128, 128]: the places after each picture's, once around."""
        places = self.fronts[rows, None] + torch.arange(1, METRIC_ORBIT.count)
        views = self.views[rows]
        return as_images(views[torch.arange(len(views))[:, None], places % METRIC_ORBIT.count])

    def parts(self) -> list[slice]:
        return [slice(start, start + BATCH) for start in range(0, len(self.views), BATCH)]


@dataclass(frozen=True)
class NearestTrainingView:
    """The baseline: the known object, and the side of it, whose framed picture is nearest."""

    views: Tensor  # [K, 12, 128, 128, 4] uint8, premultiplied
    thumbnails: Tensor  # [12 K, 4096], of all objects' sides

    @classmethod
    def of(cls, objects: Path, known: list[ObjectRecord]) -> NearestTrainingView:
        views = render_orbits(objects, known, METRIC_ORBIT)
        framed = (frame_pictures(as_images(part)) for part in views.flatten(0, 1).split(256))
        return cls(views, torch.cat([thumbnail(part.pictures) for part in framed]))

    def nearest(self, pictures: Tensor) -> Tensor:
        """RGBA [B, 11, 4, 128, 128] of the object nearest to each framed picture [B, 4, 128, 128]:
        the sides after the nearest one, once around.
        """
        side = torch.cdist(thumbnail(pictures), self.thumbnails).argmin(1)
        which, front = side // METRIC_ORBIT.count, side % METRIC_ORBIT.count
        places = front[:, None] + torch.arange(1, METRIC_ORBIT.count)
        return as_images(self.views[which[:, None], places % METRIC_ORBIT.count])


@torch.inference_mode()
def render_reconstructions(
    task: SingleViewTask,
    rows: slice,
    make: Reconstruct,
    render: RenderFunction,
    device: str,
    *,
    framed: bool,
) -> tuple[Tensor, Tensor]:
    """RGB on white [B, 11, 3, 128, 128] and alpha of what is made of pictures, with their frames
    if `framed`, seen from the places that were not shown.
    """
    shown = task.pictures(rows)
    count = len(shown.pictures)
    azimuth = torch.tensor(METRIC_ORBIT.azimuths[1:], device=device).expand(count, -1)
    elevation = torch.full((count,), METRIC_ORBIT.elevation, device=device)
    told = empty_text(count, torch.device(device))
    frames = shown.frames.to(device) if framed else None
    condition = DenoiserInputs(*told, shown.pictures.to(device), elevation, frames)
    image, alpha = render(make(condition), azimuth, elevation[:, None].expand_as(azimuth))
    return image.cpu().clamp(0, 1), alpha.cpu()


def measure_reconstructions(
    task: SingleViewTask,
    make: Reconstruct,
    render: RenderFunction,
    distance: PerceptualDistance,
    device: str,
    *,
    framed: bool,
) -> Figures:
    """Of what is made of the pictures, see `made_views`."""
    rows = []
    for part in task.parts():
        image, alpha = render_reconstructions(task, part, make, render, device, framed=framed)
        rows.append(_compare(image, alpha, task.unseen(part), distance))
    return _figures(rows)


def measure_nearest_objects(
    task: SingleViewTask, known: NearestTrainingView, distance: PerceptualDistance
) -> Figures:
    rows = []
    for part in task.parts():
        found = known.nearest(task.pictures(part).pictures)
        rows.append(_compare(on_white(found), found[:, :, 3], task.unseen(part), distance))
    return _figures(rows)


@torch.inference_mode()
def _compare(image: Tensor, alpha: Tensor, target: Tensor, distance: PerceptualDistance) -> Tensor:
    """PSNR, IoU and ST-LPIPS [3, B, 11]."""
    return torch.stack([*psnr_and_iou(image, alpha, target), distance(image, on_white(target))])


def _figures(rows: list[Tensor]) -> Figures:
    return Figures(*torch.cat(rows, 1).mean((1, 2)).tolist())
