"""Times and Euler steps of the rectified flow."""

from __future__ import annotations

import pytest
import torch

from splatsmith.diffusion.rectified_flow import add_noise, sample, sampling_times


@pytest.mark.parametrize(("start", "steps"), [(1.0, 20), (0.5, 10), (0.25, 5), (0.01, 1)])
def test_a_lower_start_takes_its_fraction_of_the_steps(start: float, steps: int) -> None:
    times = sampling_times(20, start)
    assert len(times) == steps + 1
    assert times[0] == start
    assert times[-1] == 0
    assert times == sorted(times, reverse=True)


def test_shifted_times_lie_nearer_to_the_noise() -> None:
    uniform, shifted = sampling_times(10), sampling_times(10, shift=3)
    assert (shifted[0], shifted[-1]) == (1, 0)
    assert all(a < b for a, b in zip(uniform[1:-1], shifted[1:-1], strict=True))


def test_sampling_with_a_perfect_estimate_ends_at_it() -> None:
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 3), torch.randn(2, 3)
    steps: list[int] = []
    noisy = add_noise(clean, noise, torch.tensor([0.5, 0.5]))
    result = sample(lambda _, __: clean, noisy, sampling_times(8, 0.5), steps.append)
    assert torch.allclose(result, clean)
    assert steps == [1, 2, 3, 4]
