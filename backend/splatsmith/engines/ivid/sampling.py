"""Sampling of a view: DDPM and DDIM as published, and DPM-Solver++ of the second order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.ddpm import TRAINING_STEPS, DDPMSchedule, linear_betas

Timesteps = NDArray[np.int64]
ALPHAS_CUMPROD = np.cumprod(1 - linear_betas())

Denoise = Callable[[Tensor, Tensor], Tensor]
"""Noisy views [B, 4, S, S] and time [] to their noise."""

Edit = Callable[[Tensor, bool], Tensor]
"""Changes an estimate of the clean views, knowing whether it is the last step's."""


class Sampler(Protocol):
    """timesteps: [T] as the network takes them, from noise to image."""

    @property
    def timesteps(self) -> Timesteps: ...

    def step(self, noisy: Tensor, clean: Tensor, index: int, noise: Tensor) -> Tensor:
        """The next noisy views, from those at timestep `index`, the clean ones' estimate and unit
        noise.
        """
        ...


@dataclass(frozen=True)
class AncestralSampler:
    """DDPM, in all 1,000 steps, with the smaller variances."""

    schedule: DDPMSchedule = field(default_factory=DDPMSchedule.linear)

    @property
    def timesteps(self) -> Timesteps:
        return self.schedule.timesteps[::-1].copy()

    def step(self, noisy: Tensor, clean: Tensor, index: int, noise: Tensor) -> Tensor:
        time = TRAINING_STEPS - 1 - index
        return self.schedule.step(noisy, clean, time, noise, posterior_variance=True)


@dataclass(frozen=True)
class DDIMSampler:
    """Deterministic DDIM, evenly spaced so that the first step is at the last training time."""

    steps: int

    @property
    def timesteps(self) -> Timesteps:
        spaced = np.rint(np.arange(self.steps, 0, -1) * (TRAINING_STEPS / self.steps))
        return spaced.astype(np.int64) - 1

    def step(self, noisy: Tensor, clean: Tensor, index: int, noise: Tensor) -> Tensor:
        times = self.timesteps
        following = int(times[index + 1]) if index + 1 < self.steps else None
        return ddim_step(noisy, clean, int(times[index]), following)


class FastSampler:
    """DPM-Solver++(2M) (Lu et al. 2022): multistep of the second order, for one sample."""

    def __init__(self, steps: int) -> None:
        # Denser towards the image, where a last long step would lose detail.
        ascending = np.arange(1, steps + 1)
        quadratic = np.rint((TRAINING_STEPS - 1) * (ascending / steps) ** 2).astype(np.int64)
        self.timesteps: Timesteps = np.maximum(quadratic, ascending - 1)[::-1].copy()
        self._previous: Tensor | None = None

    def step(self, noisy: Tensor, clean: Tensor, index: int, noise: Tensor) -> Tensor:
        """Equation of algorithm 2 in the paper; the last step gives the estimate itself."""
        previous, self._previous = self._previous, clean
        if index == len(self.timesteps) - 1:
            return clean
        now, following = (_half_log_snr(int(t)) for t in self.timesteps[index : index + 2])
        interval = following - now
        extrapolated = clean
        if previous is not None:
            last = now - _half_log_snr(int(self.timesteps[index - 1]))
            extrapolated = clean + (clean - previous) * (0.5 * interval / last)
        alphas = ALPHAS_CUMPROD[self.timesteps[index : index + 2]]
        ratio = ((1 - alphas[1]) / (1 - alphas[0])) ** 0.5
        return float(ratio) * noisy - float(alphas[1] ** 0.5 * np.expm1(-interval)) * extrapolated


def _half_log_snr(time: int) -> float:
    """lambda in the paper."""
    alpha = float(ALPHAS_CUMPROD[time])
    return 0.5 * math.log(alpha / (1 - alpha))


def clean_estimate(noisy: Tensor, noise: Tensor, time: int) -> Tensor:
    """x_0 from x_t and its noise."""
    alpha = float(ALPHAS_CUMPROD[time])
    return noisy / alpha**0.5 - noise * (1 / alpha - 1) ** 0.5


def ddim_step(noisy: Tensor, clean: Tensor, time: int, following: int | None) -> Tensor:
    """x at the `following` time, None for the end, by the noise that `clean` leaves of x."""
    alpha = float(ALPHAS_CUMPROD[time])
    next_alpha = 1.0 if following is None else float(ALPHAS_CUMPROD[following])
    noise = (noisy / alpha**0.5 - clean) / (1 / alpha - 1) ** 0.5
    return next_alpha**0.5 * clean + (1 - next_alpha) ** 0.5 * noise


def sample(
    denoise: Denoise,
    sampler: Sampler,
    draw_noise: Callable[[], Tensor],
    edit: Edit | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """After each step the estimate of the clean views [B, 4, S, S], and the next noisy ones.

    Args:
        draw_noise: unit noise [B, 4, S, S]; called first for the start.
    """
    noisy = draw_noise()
    times = torch.from_numpy(sampler.timesteps).to(noisy.device)
    is_stochastic = isinstance(sampler, AncestralSampler)
    for index in range(len(times)):
        predicted = denoise(noisy, times[index])
        clean = clean_estimate(noisy, predicted, int(sampler.timesteps[index]))
        if edit is not None:
            clean = edit(clean, index == len(times) - 1)
        noise = draw_noise() if is_stochastic else noisy
        noisy = sampler.step(noisy, clean, index, noise)
        yield clean, noisy
