"""Rectified flow with a network that predicts the clean sample.

x_t = (1 - t) x + t e with noise e; t runs from 1 (noise) to 0 (clean) [Liu et al. 2022]. The
network returns an estimate of x, so that the velocity is (x_t - x) / t.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t [B, ...], t [B]) to the estimate of x [B, ...]."""


def add_noise(x: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """x_t; time [B] broadcasts over the rest of x [B, ...]."""
    t = time.reshape(-1, *[1] * (x.dim() - 1))
    return (1 - t) * x + t * noise


def sampling_times(steps: int, start: float = 1.0, shift: float = 1.0) -> list[float]:
    """Times from `start` to 0, of which the whole way from 1 has steps + 1 and a part of it its
    share, but at least two; shift > 1 spends more of them near the noise.
    """
    steps = max(1, round(steps * start))
    even = [start * (1 - i / steps) for i in range(steps + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in even]


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance; 1 = none [Ho & Salimans 2022]."""
    return unconditional + guidance * (conditional - unconditional)


def sample(
    predict: Predict, noisy: Tensor, times: list[float], after_step: Callable[[int], None]
) -> Tensor:
    """Follow the flow from times[0] to times[-1] by Euler steps; `after_step` hears 1, 2, ..."""
    for step, (now, after) in enumerate(zip(times[:-1], times[1:], strict=True), 1):
        estimate = predict(noisy, torch.full((len(noisy),), now, device=noisy.device))
        noisy = estimate + (noisy - estimate) * (after / now)
        after_step(step)
    return noisy
