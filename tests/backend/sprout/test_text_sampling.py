"""Sampling latents from texts, with a small network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splatsmith.engines.sprout.model import (
    TEXT_TOKENS,
    TEXT_WIDTH,
    DenoiserInputs,
    LatentDenoiser,
    SproutConfig,
)
from splatsmith.engines.sprout.text_sampling import initial_noise, sample_from_text

STEPS = 3


@pytest.fixture(scope="module")
def denoiser() -> LatentDenoiser:
    torch.manual_seed(0)
    small = LatentDenoiser(SproutConfig(width=64, blocks=2, head_width=32))
    torch.nn.init.normal_(small.output_proj.weight, std=0.1)  # zero-initialised
    return small.eval()


def texts(count: int) -> DenoiserInputs:
    values = torch.randn(count, TEXT_TOKENS + 1, TEXT_WIDTH, generator=torch.Generator())
    return DenoiserInputs(values, torch.ones(values.shape[:2], dtype=torch.bool))


def sampled(
    denoiser: LatentDenoiser, inputs: DenoiserInputs, noise: Tensor, guidance: float
) -> Tensor:
    return sample_from_text(denoiser, inputs, noise, STEPS, guidance, lambda _: None)


def test_a_batch_gives_the_same_as_its_texts_one_by_one(denoiser: LatentDenoiser) -> None:
    inputs, noise = texts(3), torch.cat([initial_noise(seed) for seed in range(3)])
    batched = sampled(denoiser, inputs, noise, 2.0)
    for row in range(3):
        one = inputs.map(lambda value, row=row: value[row : row + 1])
        single = sampled(denoiser, one, noise[row : row + 1], 2.0)
        assert torch.allclose(batched[row], single[0], atol=1e-4)
    assert (batched[0] - batched[1]).abs().max() > 0.1


def test_guidance_extrapolates_from_the_unconditional_prediction(denoiser: LatentDenoiser) -> None:
    """One step gives the network's estimate, which is linear in the guidance."""
    inputs, noise = texts(1), initial_noise(0)
    null_text = inputs.map(torch.zeros_like)

    def after_one_step(condition: DenoiserInputs, guidance: float) -> Tensor:
        return sample_from_text(denoiser, condition, noise, 1, guidance, lambda _: None)

    with_text, without = after_one_step(inputs, 1.0), after_one_step(null_text, 1.0)
    expected = without + 2.0 * (with_text - without)
    assert torch.allclose(after_one_step(inputs, 2.0), expected, atol=1e-4)
    assert (with_text - without).abs().max() > 0.01


def test_guidance_one_evaluates_the_text_only(denoiser: LatentDenoiser) -> None:
    calls: list[tuple[int, float]] = []

    def recording(noisy: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        calls.append((len(noisy), time[0].item()))
        return denoiser(noisy, time, inputs)

    steps: list[int] = []
    sample_from_text(recording, texts(1), initial_noise(0), STEPS, 1.0, steps.append)
    assert [count for count, _ in calls] == [1] * STEPS
    assert steps == [1, 2, 3]
    times = [time for _, time in calls]
    assert times[0] == 1.0
    assert times[1] > 2 / 3  # more steps near the noise
