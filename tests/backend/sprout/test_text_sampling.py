"""Texts to latents, with a small network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splatsmith.engines.sprout.model import (
    TEXT_TOKENS,
    TEXT_WIDTH,
    Condition,
    LatentDenoiser,
    Shape,
)
from splatsmith.engines.sprout.text_sampling import sample_from_text, starting_noise

STEPS = 3


@pytest.fixture(scope="module")
def denoiser() -> LatentDenoiser:
    torch.manual_seed(0)
    small = LatentDenoiser(Shape(width=64, blocks=2, head=32))
    torch.nn.init.normal_(small.leave.weight, std=0.1)  # a fresh network answers nothing
    return small.eval()


def texts(count: int) -> Condition:
    values = torch.randn(count, TEXT_TOKENS + 1, TEXT_WIDTH, generator=torch.Generator())
    return Condition(values, torch.ones(values.shape[:2], dtype=torch.bool))


def sampled(denoiser: LatentDenoiser, told: Condition, noise: Tensor, guidance: float) -> Tensor:
    return sample_from_text(denoiser, told, noise, STEPS, guidance, lambda _: None)


def test_each_of_several_texts_is_answered_as_if_it_were_alone(denoiser: LatentDenoiser) -> None:
    told, noise = texts(3), torch.cat([starting_noise(seed) for seed in range(3)])
    together = sampled(denoiser, told, noise, 2.0)
    for row in range(3):
        one = told.map(lambda value, row=row: value[row : row + 1])
        alone = sampled(denoiser, one, noise[row : row + 1], 2.0)
        assert torch.allclose(together[row], alone[0], atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 0.1


def test_guidance_goes_beyond_the_text_and_away_from_none(denoiser: LatentDenoiser) -> None:
    """After one step the answers are the estimates, which lie on one line."""
    told, noise = texts(1), starting_noise(0)
    none = told.map(torch.zeros_like)

    def after_one_step(condition: Condition, guidance: float) -> Tensor:
        return sample_from_text(denoiser, condition, noise, 1, guidance, lambda _: None)

    with_text, without = after_one_step(told, 1.0), after_one_step(none, 1.0)
    wanted = without + 2.0 * (with_text - without)
    assert torch.allclose(after_one_step(told, 2.0), wanted, atol=1e-4)
    assert (with_text - without).abs().max() > 0.01


def test_without_guidance_the_text_alone_is_asked(denoiser: LatentDenoiser) -> None:
    asked: list[tuple[int, float]] = []

    def noting(noisy: Tensor, time: Tensor, told: Condition) -> Tensor:
        asked.append((len(noisy), time[0].item()))
        return denoiser(noisy, time, told)

    heard: list[int] = []
    sample_from_text(noting, texts(1), starting_noise(0), STEPS, 1.0, heard.append)
    assert [count for count, _ in asked] == [1] * STEPS
    assert heard == [1, 2, 3]
    times = [time for _, time in asked]
    assert times[0] == 1.0
    assert times[1] > 2 / 3  # more steps near the noise
