"""Gaussians of pictures as the engine makes them, in batches, and their rendering."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.diffusion.rectified_flow import add_noise, sample, sampling_times
from splatsmith.engines.sprout.model import DenoiserInputs
from splatsmith.engines.sprout.refinement import TargetView, place_by_frame, refine
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.gaussian_batch import GaussianBatch, to_cloud
from splatsmith.gaussians.rasterize import rasterize
from training.image_metrics import InputPictures, RenderFunction
from training.mesh_rasterizer import DISTANCE, FOV, SIZE
from training.sprout.validation import empty_text
from training.sprout.validation_grids import STEPS, Networks

DEFAULT_SETTINGS = (0.25, 10)  # the engine's detail and refinement steps


@dataclass(frozen=True)
class EngineReconstruction:
    """Pictures to Gaussians as the engine makes them with these settings."""

    networks: Networks
    detail: float
    refinement: int  # steps

    def __call__(self, pictures: InputPictures) -> GaussianBatch:
        denoiser = self.networks[0]
        text = empty_text(len(pictures.rgba), pictures.rgba.device)
        features = denoiser.image_features(pictures.rgba)
        inputs = DenoiserInputs(*text, pictures.rgba, pictures.elevation, pictures.frames, features)
        latents = denoiser.estimate(inputs)
        if self.detail:
            latents = self._resample(latents, inputs)
        views = _target_views(pictures)
        clouds = [self._refine(one[None], view) for one, view in zip(latents, views, strict=True)]
        parts = zip(*(vars(cloud).values() for cloud in clouds), strict=True)
        return GaussianBatch(*(torch.cat(part) for part in parts))

    def _refine(self, latents: Tensor, view: TargetView) -> GaussianBatch:
        decoder = self.networks[1]
        if self.refinement:
            return refine(decoder, latents, view, self.refinement, lambda _: None)
        return place_by_frame(decoder(latents), view)

    def _resample(self, estimate: Tensor, inputs: DenoiserInputs) -> Tensor:
        """Sample from the noised estimate; the noise is the same for every batch."""
        noise = torch.randn(estimate.shape, generator=torch.Generator().manual_seed(0))
        detail = torch.full((len(estimate),), self.detail, device=estimate.device)
        noisy = add_noise(estimate, noise.to(estimate.device), detail)
        times = sampling_times(STEPS, self.detail)
        return sample(lambda x, t: self.networks[0](x, t, inputs), noisy, times, lambda _: None)


def _target_views(inputs: InputPictures) -> list[TargetView]:
    elevations = inputs.elevation.tolist()
    frames = [None] * len(elevations) if inputs.frames is None else list(inputs.frames)
    return [TargetView(*each) for each in zip(inputs.rgba, elevations, frames, strict=True)]


def render_on_cpu(
    clouds: GaussianBatch, azimuth: Tensor, elevation: Tensor
) -> tuple[Tensor, Tensor]:
    """RGB on white [B, C, 3, 128, 128] and alpha, by the backend's CPU rasterizer."""
    colors, alphas = [], []
    for index in range(len(clouds.means)):
        angles = azimuth[index].numpy(), elevation[index].numpy()
        cameras = orbit_cameras(*angles, DISTANCE, FOV, SIZE)
        rendered = rasterize(cloud_at(clouds, index), cameras)
        colors.append(torch.from_numpy(rendered.colors).permute(0, 3, 1, 2))
        alphas.append(torch.from_numpy(rendered.alphas))
    return torch.stack(colors), torch.stack(alphas)


def renderer_for(device: str) -> RenderFunction:
    """The backend's rasterizer on a CPU, training's on a GPU."""
    if device == "cpu":
        return render_on_cpu
    from training.splat_rendering import render_on_white  # noqa: PLC0415 - needs gsplat's kernels

    return render_on_white


def cloud_at(clouds: GaussianBatch, index: int) -> GaussianCloud:
    """One cloud of a batch, with all its Gaussians."""
    one = GaussianBatch(*(part[index : index + 1] for part in vars(clouds).values()))
    return to_cloud(one, -1)
