"""Sampling: in every step the noisy views become Gaussians, whose renderings estimate the views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...diffusion.ddpm import DDPMSchedule
from ...gaussians.gaussian_batch import GaussianBatch
from ...nn import cuda_graphs
from .denoiser import DenoiserConfig, DenoiserInputs
from .gaussian_parameters import GaussianParameters, decode_gaussians
from .rays import Rays

Evaluate = cuda_graphs.Denoiser[DenoiserInputs]
"""`Denoiser.denoise`, or the same as CUDA graphs."""

Denoise = Callable[[Tensor, Tensor], GaussianParameters]
"""Noisy views [V - K, 3, H, W] and training time [] to Gaussians."""

Render = Callable[[GaussianBatch], Tensor]
"""Gaussians to all views [V, 3, H, W] over white; values may exceed 1."""


@dataclass(frozen=True)
class SamplingStep:
    """A step's results.

    gaussians: the estimate. views: [V, 3, H, W], its renderings; the K clean ones come first.
    sample: [V - K, 3, H, W], the noisy views at the next time.
    """

    gaussians: GaussianParameters
    views: Tensor
    sample: Tensor


def make_denoise(evaluate: Evaluate, config: DenoiserConfig, rays: Rays, clean: Tensor) -> Denoise:
    """The network's evaluation and decoding for given cameras and clean views [K, 3, H, W]."""
    inputs = DenoiserInputs(clean, rays.features(config.subject))
    pixel_rays = rays.in_patch_order(config.patch)

    def denoise(noisy: Tensor, time: Tensor) -> GaussianParameters:
        raw = evaluate(noisy, time, inputs)
        return decode_gaussians(raw, pixel_rays, config.subject)

    return denoise


def sample(
    denoise: Denoise,
    render: Render,
    schedule: DDPMSchedule,
    draw_noise: Callable[[], Tensor],
) -> Iterator[SamplingStep]:
    """The steps from noise to the result, which is the last step's Gaussians.

    Args:
        draw_noise: unit noise [V - K, 3, H, W], called once at first and once in every step. A
            step's noise is drawn while the device computes the Gaussians.
    """
    noisy = draw_noise()
    times = torch.from_numpy(schedule.timesteps).to(noisy.device)
    for index in reversed(range(len(times))):
        gaussians = denoise(noisy, times[index])
        noise = draw_noise()
        views = render(gaussians.activated())
        noisy = schedule.step(noisy, views[len(views) - len(noisy) :], index, noise)
        yield SamplingStep(gaussians, views, noisy)
