"""Ancestral sampling of denoising diffusion models that predict the clean sample.

Ho et al. 2020, with its linear schedule, and the cosine one and respacing of Nichol and Dhariwal
2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

TRAINING_STEPS = 1000
COSINE_OFFSET = 0.008
MAX_BETA = 0.999
LINEAR_BETAS = (1e-4, 0.02)

Floats = NDArray[np.float64]


def cosine_betas(steps: int = TRAINING_STEPS) -> Floats:
    """[steps] variances of the cosine schedule ("squaredcos_cap_v2")."""
    times = np.arange(steps + 1) / steps
    alpha_bars = np.cos((times + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
    return np.minimum(1 - alpha_bars[1:] / alpha_bars[:-1], MAX_BETA)


def linear_betas(steps: int = TRAINING_STEPS) -> Floats:
    """[steps] variances of the linear schedule."""
    return np.linspace(*LINEAR_BETAS, steps)


def spaced_timesteps(steps: int, training_steps: int = TRAINING_STEPS) -> NDArray[np.int64]:
    """[steps] of the training times, ascending, evenly spaced from the first to the last."""
    if steps == 1:
        return np.zeros(1, np.int64)
    return np.rint(np.arange(steps) * ((training_steps - 1) / (steps - 1))).astype(np.int64)


@dataclass(frozen=True)
class DDPMSchedule:
    """A schedule of S steps with tables in ascending time.

    timesteps: [S] times as the network takes them. betas: [S] variances of the forward process.
    """

    timesteps: NDArray[np.int64]
    betas: Floats

    @classmethod
    def linear(cls) -> DDPMSchedule:
        """All steps of the linear schedule."""
        return cls(np.arange(TRAINING_STEPS), linear_betas())

    @classmethod
    def respaced(cls, steps: int) -> DDPMSchedule:
        """`steps` of the cosine schedule; the noise levels at those times are kept."""
        timesteps = spaced_timesteps(steps)
        alpha_bars = np.cumprod(1 - cosine_betas())[timesteps]
        return cls(timesteps, 1 - alpha_bars / np.append(1.0, alpha_bars[:-1]))

    @cached_property
    def alphas_cumprod(self) -> Floats:
        return np.cumprod(1 - self.betas, dtype=np.float64)

    @property
    def alphas_cumprod_prev(self) -> Floats:
        return np.append(1.0, self.alphas_cumprod[:-1])

    @cached_property
    def posterior_mean_coef1(self) -> Floats:
        """[S] factors of the clean sample in the mean of q(x_{t-1} | x_t, x_0)."""
        return self.betas * np.sqrt(self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_mean_coef2(self) -> Floats:
        """[S] factors of the noisy sample in that mean."""
        return (1 - self.alphas_cumprod_prev) * np.sqrt(1 - self.betas) / (1 - self.alphas_cumprod)

    @cached_property
    def log_variance(self) -> Floats:
        """[S] of the added noise: betas, the larger bound; at the first time the posterior's of the
        second, though no noise is added there.
        """
        return np.log(np.append(self._posterior_variance[1:2], self.betas[1:]))

    @cached_property
    def posterior_log_variance(self) -> Floats:
        """[S] of the added noise: the posterior's, the smaller bound; at the first time that of the
        second.
        """
        variance = self._posterior_variance
        return np.log(np.append(variance[1:2], variance[1:]))

    @property
    def _posterior_variance(self) -> Floats:
        return self.betas * (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    def step(
        self,
        noisy: Tensor,
        clean: Tensor,
        index: int,
        noise: Tensor,
        *,
        posterior_variance: bool = False,
    ) -> Tensor:
        """x_{t-1} from x_t at time `index`, the estimate of x_0, and unit noise (unused at 0).

        Args:
            posterior_variance: the noise's variance is the smaller bound, not the larger.
        """
        mean = (
            float(self.posterior_mean_coef1[index]) * clean
            + float(self.posterior_mean_coef2[index]) * noisy
        )
        if index == 0:
            return mean
        log_variance = self.posterior_log_variance if posterior_variance else self.log_variance
        return mean + float(np.exp(0.5 * log_variance[index])) * noise
