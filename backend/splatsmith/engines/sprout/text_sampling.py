"""Texts to latents, from noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...diffusion.rectified_flow import classifier_free_guidance, sample, sampling_times
from ...nn.cuda_graphs import Denoiser
from .model import CHANNELS, TOKENS, Condition

SHIFT = 3.0  # of the steps: more of them near the noise, where it is decided what comes of it


def starting_noise(seed: int) -> Tensor:
    """[1, 256, 16]."""
    return torch.randn(1, TOKENS, CHANNELS, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def sample_from_text(
    denoiser: Denoiser[Condition],
    told: Condition,
    noise: Tensor,
    steps: int,
    guidance: float,
    after_step: Callable[[int], None],
) -> Tensor:
    """Latents [B, 256, 16] for B texts.

    Args:
        denoiser: evaluated once in a step, with and without the texts in one batch.
        told: the texts, no pictures.
        noise: [B, 256, 16] to start from.
        steps: of sampling.
        guidance: 1 = none.
        after_step: hears 1, 2, ...
    """
    both = told.map(lambda value: torch.cat([value, torch.zeros_like(value)]))

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        if guidance == 1.0:
            return denoiser(noisy, time, told)
        predicted = denoiser(noisy.repeat(2, 1, 1), time.repeat(2), both)
        conditional, unconditional = predicted.chunk(2)
        return classifier_free_guidance(conditional, unconditional, guidance)

    return sample(predict, noise, sampling_times(steps, shift=SHIFT), after_step)
