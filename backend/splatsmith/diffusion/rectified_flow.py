"""Rectified flow with a network that predicts the clean sample.

x_t = (1 - t) x + t e with noise e; t runs from 1 (noise) to 0 (clean) [Liu et al. 2022]. The
network estimates x, which makes the velocity (x_t - x) / t.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predictor = Callable[[Tensor, Tensor], Tensor]
"""(x_t [B, ...], t [B]) to the estimate of x [B, ...]."""


def add_noise(x: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """x_t; time [B] broadcasts over the other dimensions of x [B, ...]."""
    t = time.reshape(-1, *[1] * (x.dim() - 1))
    return (1 - t) * x + t * noise


def sampling_times(steps: int, start: float = 1.0, shift: float = 1.0) -> list[float]:
    """Decreasing times from `start` to 0.

    Args:
        steps: from time 1; a lower `start` takes that fraction of them, but at least one.
        start: 0..1.
        shift: t becomes s t / (1 + (s - 1) t); above 1, more steps lie near the noise.
    """
    steps = max(1, round(steps * start))
    uniform = [start * (1 - i / steps) for i in range(steps + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in uniform]


def classifier_free_guidance(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Extrapolate from the unconditional prediction; 1 = none [Ho & Salimans 2022]."""
    return unconditional + guidance * (conditional - unconditional)


def sample(
    predict: Predictor, noisy: Tensor, times: list[float], on_step: Callable[[int], None]
) -> Tensor:
    """Integrate the flow from times[0] to times[-1] by Euler steps.

    on_step: called with 1, 2, ... after each.
    """
    for step, (now, following) in enumerate(zip(times[:-1], times[1:], strict=True), 1):
        estimate = predict(noisy, torch.full((len(noisy),), now, device=noisy.device))
        noisy = estimate + (noisy - estimate) * (following / now)
        on_step(step)
    return noisy
