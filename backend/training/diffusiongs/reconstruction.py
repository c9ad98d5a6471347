"""Gaussians of framed pictures as the engine samples them, for training.image_metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.diffusion.ddpm import DDPMSchedule
from splatsmith.engines.diffusiongs.denoiser import Denoiser
from splatsmith.engines.diffusiongs.object_cameras import regenerated_views
from splatsmith.engines.diffusiongs.pruning import within_box
from splatsmith.engines.diffusiongs.sampling import make_denoise, sample
from splatsmith.engines.diffusiongs.views import NetworkViews
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.view_renderer import ViewRenderer
from training.image_metrics import InputPictures
from training.mesh_rasterizer import DISTANCE, FOV

HALF_EXTENT = 1.0  # objects of the pack lie in the unit sphere


@dataclass(frozen=True)
class DiffusionReconstruction:
    """The engine's sampling with the cameras of the rendered views.

    size: pixels a side of the network's views. steps: of the sampling.
    """

    denoiser: Denoiser
    size: int
    steps: int

    def __call__(self, pictures: InputPictures) -> GaussianBatch:
        images = view_images(pictures)
        images = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
        clouds = [
            self._sample(image, elevation)
            for image, elevation in zip(images, pictures.elevation.tolist(), strict=True)
        ]
        parts = zip(*(vars(cloud).values() for cloud in clouds), strict=True)
        return GaussianBatch(*(torch.cat(part) for part in parts))

    def _sample(self, image: Tensor, elevation: float) -> GaussianBatch:
        """One cloud of a picture [3, S, S], in the asset frame; those outside are transparent."""
        views = training_views(elevation, self.size)
        device = str(image.device)
        denoise = make_denoise(
            self.denoiser.denoise, self.denoiser.config, views.rays(device), image[None]
        )
        noise = torch.Generator().manual_seed(0)
        shape = (len(views) - 1, *image.shape)
        steps = sample(
            denoise,
            ViewRenderer(views.cameras, device),
            DDPMSchedule.respaced(self.steps),
            lambda: torch.randn(shape, generator=noise).to(device),
        )
        gaussians = list(steps)[-1].gaussians.activated()
        opacities = gaussians.opacities * within_box(gaussians, HALF_EXTENT)
        return views.to_asset(replace(gaussians, opacities=opacities))


def training_views(elevation: float, size: int) -> NetworkViews:
    """The engine's four cameras around an object, with the rendered views' field of view."""
    views = regenerated_views(elevation, DISTANCE, size)
    focal = size / 2 / math.tan(math.radians(FOV) / 2)
    return replace(views, fxfycxcy=np.tile([focal, focal, size / 2, size / 2], (len(views), 1)))


def view_images(pictures: InputPictures) -> Tensor:
    """RGB on white [B, 3, 128, 128], 0..1: the framed pictures; where their frames are given, as
    they were in the view.
    """
    colors = pictures.rgba[:, :3] / 2 + 0.5
    if pictures.frames is None:
        return colors
    center, scale = pictures.frames[:, :2], pictures.frames[:, 2].exp()
    theta = torch.zeros(len(colors), 2, 3, device=colors.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
    theta[:, :, 2] = -center / scale[:, None]
    grid = F.affine_grid(theta, list(colors.shape), align_corners=False)
    return 1 - F.grid_sample(1 - colors, grid, align_corners=False)
