"""Ancestral Euler sampling of all attributes together, with a noisy reference at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import WeightsDamaged
from ...nn.checkpoint_files import REMEDY
from ...nn.cuda_graphs import Denoiser
from .denoiser import DenoiserInputs

Floats = NDArray[np.float64]
DrawNoise = Callable[[tuple[int, ...]], Tensor]
OnStep = Callable[[int, Tensor], None]


@dataclass(frozen=True)
class Diffusion:
    """The forward process of the base model.

    alphas_cumprod: [T] shares of the signal's variance.
    """

    alphas_cumprod: Floats

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Diffusion:
        """By a scheduler's published configuration.

        Raises:
            WeightsDamaged: its schedule is neither "scaled_linear" nor "linear".
        """
        if config.get("beta_schedule") not in ("scaled_linear", "linear"):
            raise WeightsDamaged("The base model's schedule is not known.", REMEDY)
        first, last, steps = (
            float(str(config[name])) for name in ("beta_start", "beta_end", "num_train_timesteps")
        )
        power = 0.5 if config["beta_schedule"] == "scaled_linear" else 1.0
        betas = np.linspace(first**power, last**power, int(steps)) ** (1 / power)
        return cls(np.cumprod(1 - betas))

    @property
    def sigmas(self) -> Floats:
        """[T] standard deviations of the noise, of a signal of unit weight."""
        return np.sqrt((1 - self.alphas_cumprod) / self.alphas_cumprod)

    def add_noise(self, clean: Tensor, noise: Tensor, time: int) -> Tensor:
        """The sample of `time` (0..T - 1) from the clean one and unit noise."""
        signal = float(self.alphas_cumprod[time])
        return signal**0.5 * clean + (1 - signal) ** 0.5 * noise


@dataclass(frozen=True)
class EulerAncestral:
    """The solver [Karras et al. 2022, as k-diffusion's "euler a"] of a network that predicts v."""

    diffusion: Diffusion
    steps: int

    @cached_property
    def timesteps(self) -> NDArray[np.int64]:
        """[steps], descending, spaced from the last time on ("trailing")."""
        total = len(self.diffusion.alphas_cumprod)
        return np.rint(np.arange(total, 0, -total / self.steps)[: self.steps]).astype(np.int64) - 1

    @cached_property
    def sigmas(self) -> Floats:
        """[steps + 1], descending to 0."""
        return np.append(self.diffusion.sigmas[self.timesteps], 0.0)

    def scale_input(self, noisy: Tensor, step: int) -> Tensor:
        """The network's input at `step`."""
        return noisy / float(self.sigmas[step] ** 2 + 1) ** 0.5

    def clean(self, noisy: Tensor, predicted: Tensor, step: int) -> Tensor:
        """The estimate of the clean sample, of v."""
        variance = float(self.sigmas[step] ** 2 + 1)
        return noisy / variance - predicted * float(self.sigmas[step]) / variance**0.5

    def step(self, noisy: Tensor, clean: Tensor, step: int, noise: Tensor) -> Tensor:
        """The sample after `step`, from the estimate of the clean one and unit noise."""
        now, following = self.sigmas[step], self.sigmas[step + 1]
        up = np.sqrt(following**2 * (now**2 - following**2) / now**2)
        down = np.sqrt(following**2 - up**2)
        toward = clean + (noisy - clean) * float(down / now)
        return toward + noise * float(up)


def sample(
    denoise: Denoiser[DenoiserInputs],
    inputs: DenoiserInputs,
    solver: EulerAncestral,
    draw_noise: DrawNoise,
    shape: tuple[int, ...],
    on_step: OnStep,
) -> Tensor:
    """Solve from noise to clean latents of `shape`, [A, 4, h, w].

    The first noise is not multiplied by the solver's first sigma: as published.

    Args:
        inputs: with the clean reference.
        draw_noise: gives unit noise of a shape.
        on_step: called with 1, 2, ... and the estimate of the clean latents.
    """
    noisy = draw_noise(shape)
    for step, time in enumerate(solver.timesteps):
        noise = draw_noise(tuple(inputs.reference.shape))
        reference = solver.diffusion.add_noise(inputs.reference, noise, int(time))
        of_time = torch.tensor(int(time), device=noisy.device)
        given = replace(inputs, reference=reference)
        predicted = denoise(solver.scale_input(noisy, step), of_time, given)
        clean = solver.clean(noisy, predicted, step)
        is_last = step + 1 == solver.steps
        noise = torch.zeros_like(noisy) if is_last else draw_noise(shape)
        noisy = solver.step(noisy, clean, step, noise)
        on_step(step + 1, clean)
    return noisy
