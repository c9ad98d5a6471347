"""The flow's times and steps."""

from __future__ import annotations

import pytest
import torch

from splatsmith.diffusion.rectified_flow import add_noise, sample, sampling_times


@pytest.mark.parametrize(("start", "steps"), [(1.0, 20), (0.5, 10), (0.25, 5), (0.01, 1)])
def test_a_part_of_the_way_has_its_share_of_the_steps(start: float, steps: int) -> None:
    times = sampling_times(20, start)
    assert len(times) == steps + 1
    assert times[0] == start
    assert times[-1] == 0
    assert times == sorted(times, reverse=True)


def test_shifted_times_stay_longer_near_the_noise() -> None:
    even, shifted = sampling_times(10), sampling_times(10, shift=3)
    assert (shifted[0], shifted[-1]) == (1, 0)
    assert all(a < b for a, b in zip(even[1:-1], shifted[1:-1], strict=True))


def test_a_network_that_knows_the_answer_is_followed_to_it() -> None:
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 3), torch.randn(2, 3)
    heard: list[int] = []
    noisy = add_noise(clean, noise, torch.tensor([0.5, 0.5]))
    found = sample(lambda _, __: clean, noisy, sampling_times(8, 0.5), heard.append)
    assert torch.allclose(found, clean)
    assert heard == [1, 2, 3, 4]
