"""The respaced cosine schedule and ancestral steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splatsmith.diffusion.ddpm import DDPMSchedule, cosine_betas, spaced_timesteps


@pytest.mark.parametrize("steps", [1, 2, 4, 30, 1000])
def test_steps_are_spread_over_all_training_times(steps: int) -> None:
    times = spaced_timesteps(steps)
    assert len(times) == steps
    assert times[0] == 0
    assert steps == 1 or times[-1] == 999
    assert (np.diff(times) > 0).all()


def test_respacing_keeps_the_noise_levels() -> None:
    levels = np.cumprod(1 - cosine_betas())
    schedule = DDPMSchedule.respaced(30)
    np.testing.assert_allclose(schedule.alphas_cumprod, levels[schedule.timesteps], rtol=1e-9)


def test_all_steps_are_the_unspaced_schedule() -> None:
    np.testing.assert_allclose(DDPMSchedule.respaced(1000).betas, cosine_betas(), rtol=1e-9)


def test_sampling_with_a_perfect_estimate_ends_at_it() -> None:
    schedule = DDPMSchedule.respaced(8)
    generator = torch.Generator().manual_seed(0)
    clean, noisy = torch.rand(2, 3, generator=generator), torch.randn(2, 3, generator=generator)
    for index in reversed(range(8)):
        noise = torch.randn(2, 3, generator=generator)
        noisy = schedule.step(noisy, clean, index, noise)
    torch.testing.assert_close(noisy, clean)


def test_a_step_has_the_schedule_s_noise_level() -> None:
    """Noised samples, denoised by one step, are distributed as samples noised less."""
    schedule, index = DDPMSchedule.respaced(30), 12
    generator = torch.Generator().manual_seed(0)
    clean = torch.full((200_000,), 0.7)
    noise, alpha_bar = torch.randn(clean.shape, generator=generator), schedule.alphas_cumprod[index]
    noisy = alpha_bar**0.5 * clean + (1 - alpha_bar) ** 0.5 * noise
    less = schedule.step(noisy, clean, index, torch.randn(clean.shape, generator=generator))
    level = float(schedule.alphas_cumprod[index - 1])
    assert less.mean().item() == pytest.approx(0.7 * level**0.5, abs=5e-3)
    # The larger of the two bounds of the variance adds a little more noise than is left.
    assert (1 - level) ** 0.5 <= less.std().item() < 1.1 * (1 - level) ** 0.5
