"""Sampling latents from noise, conditioned on texts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...diffusion.rectified_flow import classifier_free_guidance, sample, sampling_times
from ...nn.cuda_graphs import Denoiser
from .model import CHANNELS, TOKENS, DenoiserInputs

TIME_SHIFT = 3.0  # more steps near the noise, where the object's shape is decided


def initial_noise(seed: int) -> Tensor:
    """[1, 256, 16], on the CPU."""
    return torch.randn(1, TOKENS, CHANNELS, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def sample_from_text(
    denoiser: Denoiser[DenoiserInputs],
    inputs: DenoiserInputs,
    noise: Tensor,
    steps: int,
    guidance: float,
    on_step: Callable[[int], None],
) -> Tensor:
    """Latents [B, 256, 16] for B texts.

    Args:
        denoiser: evaluated once a step, on a batch of texts and empty texts.
        inputs: the texts, without pictures.
        noise: [B, 256, 16], initial.
        guidance: 1 = none.
        on_step: called with 1, 2, ... after each step.
    """
    with_null_text = inputs.map(lambda value: torch.cat([value, torch.zeros_like(value)]))

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        if guidance == 1.0:
            return denoiser(noisy, time, inputs)
        predicted = denoiser(noisy.repeat(2, 1, 1), time.repeat(2), with_null_text)
        conditional, unconditional = predicted.chunk(2)
        return classifier_free_guidance(conditional, unconditional, guidance)

    return sample(predict, noise, sampling_times(steps, shift=TIME_SHIFT), on_step)
