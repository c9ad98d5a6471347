"""Samplers on a distribution whose noise is known: all end at the same images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splatsmith.engines.ivid.denoising import Condition, Pulls, pull_to_condition
from splatsmith.engines.ivid.sampling import (
    ALPHAS_CUMPROD,
    AncestralSampler,
    DDIMSampler,
    FastSampler,
    Sampler,
    sample,
)

SHAPE = (2, 4, 8, 8)
MEAN, SPREAD = 0.3, 0.2  # of a Gaussian distribution of images


def exact_noise(noisy: Tensor, time: Tensor) -> Tensor:
    """What a perfect network predicts."""
    alpha = float(ALPHAS_CUMPROD[int(time)])
    variance = alpha * SPREAD**2 + 1 - alpha
    return (1 - alpha) ** 0.5 * (noisy - alpha**0.5 * MEAN) / variance


def result(sampler: Sampler, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    steps = sample(exact_noise, sampler, lambda: torch.randn(SHAPE, generator=generator))
    return list(steps)[-1][1]


@pytest.mark.parametrize(
    "sampler",
    [AncestralSampler(), DDIMSampler(50), FastSampler(15)],
    ids=lambda s: type(s).__name__,
)
def test_samples_have_the_distribution_s_mean_and_spread(sampler: Sampler) -> None:
    samples = result(sampler)
    assert abs(float(samples.mean()) - MEAN) < 0.03
    assert abs(float(samples.std()) - SPREAD) < 0.04


def test_the_fast_solver_needs_fewer_steps_than_ddim() -> None:
    exact = result(DDIMSampler(1000))
    errors = [
        float((result(sampler(12)) - exact).abs().mean()) for sampler in (FastSampler, DDIMSampler)
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("steps", [1, 7, 50, 600, 1000])
def test_every_number_of_steps_starts_at_pure_noise(steps: int) -> None:
    for sampler in (DDIMSampler(steps), FastSampler(steps)):
        assert len(sampler.timesteps) == steps
        assert sampler.timesteps[0] == 999
        assert (sampler.timesteps[:-1] > sampler.timesteps[1:]).all()
        assert result(sampler).isfinite().all()


def test_estimates_are_drawn_to_what_is_seen_and_behind_the_bound() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    rgbd = torch.full((1, 4, 8, 8), 0.8)
    condition = Condition(rgbd, mask, mask, torch.full((1, 1, 8, 8), 0.5))
    clean = torch.zeros(1, 4, 8, 8)
    for is_last in (False, True):
        pulled = pull_to_condition(clean, condition, Pulls(), is_last=is_last)
        seen, hidden = pulled[..., :4], pulled[..., 4:]
        assert torch.allclose(seen[:, :3], torch.tensor(0.0 if is_last else 0.08))
        assert torch.allclose(seen[:, 3], torch.tensor(0.16))
        assert (hidden[:, :3] == 0).all()
        assert torch.allclose(hidden[:, 3], torch.tensor(0.25))
    farther = torch.full_like(clean, 0.9)
    pulled = pull_to_condition(farther, condition, Pulls(), is_last=False)
    assert torch.allclose(pulled[..., 4:], torch.tensor(0.9))
