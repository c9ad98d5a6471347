"""Schedules and solvers, on equations whose solutions are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from splatsmith.contract.problems import InvalidRequest
from splatsmith.engines.ln3diff.sampling import (
    Flow,
    FlowSolver,
    SigmaSchedule,
    sample_diffusion,
    sample_flow,
)
from splatsmith.errors import Cancelled

START = torch.full((2, 12, 4, 4), 1.5)


def growth(x: Tensor, time: Tensor) -> Tensor:
    """dx/dt = 2 t x, whose solution from x_0 is x_0 exp(t^2)."""
    return 2 * time * x


def ignore(_share: float) -> None:
    pass


@pytest.mark.parametrize(
    ("solver", "tolerance"),
    [("dopri5", 2e-3), ("euler", 0.1), ("midpoint", 5e-3), ("heun", 5e-3)],
)
def test_every_solver_solves_the_flow(solver: str, tolerance: float) -> None:
    solved = sample_flow(growth, START, Flow(FlowSolver(solver), 20), ignore)
    assert torch.allclose(solved, START * math.e, rtol=tolerance)


def test_a_flow_may_start_in_the_middle() -> None:
    for solver in (FlowSolver.DOPRI5, FlowSolver.HEUN):
        flow = Flow(solver, 40, start=0.5)
        solved = sample_flow(growth, START * math.exp(0.25), flow, ignore)
        assert torch.allclose(solved, START * math.e, rtol=2e-3)
    assert Flow(FlowSolver.EULER, 40, start=0.75).fixed_steps == 10


@pytest.mark.parametrize("solver", list(FlowSolver))
def test_progress_rises_to_the_end_and_counts_evaluations(solver: FlowSolver) -> None:
    shares: list[float] = []
    sample_flow(growth, START, Flow(solver, 10), shares.append)
    assert shares == sorted(shares)
    assert shares[0] == 0 < shares[-1] < 1
    if not solver.is_adaptive:
        assert len(shares) == 10 * solver.evaluations


@pytest.mark.parametrize("solver", list(FlowSolver))
def test_cancelling_stops_between_evaluations(solver: FlowSolver) -> None:
    evaluations = 0

    def predict(x: Tensor, time: Tensor) -> Tensor:
        nonlocal evaluations
        evaluations += 1
        return growth(x, time)

    def cancel(_share: float) -> None:
        if evaluations == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        sample_flow(predict, START, Flow(solver, 20), cancel)
    assert evaluations == 3


def test_a_flow_that_is_no_number_is_refused_with_a_sentence() -> None:
    with pytest.raises(InvalidRequest, match="adaptive solver"):
        sample_flow(lambda x, _time: x * math.nan, START, Flow(FlowSolver.DOPRI5, 1), ignore)


@pytest.mark.parametrize("steps", [1, 5, 250, 1000])
def test_noise_levels_fall_from_the_training_s_highest(steps: int) -> None:
    schedule = SigmaSchedule.spaced(steps)
    assert len(schedule.sigmas) == steps
    assert schedule.sigmas[0] == pytest.approx(14.6146, abs=1e-3)
    assert (schedule.sigmas[1:] < schedule.sigmas[:-1]).all()
    assert schedule.times[0] == 999


def test_less_strength_takes_the_last_steps() -> None:
    whole, part = SigmaSchedule.spaced(20), SigmaSchedule.spaced(20, 0.3)
    assert part.times.tolist() == whole.times[-6:].tolist()
    assert len(SigmaSchedule.spaced(20, 0.0).times) == 1


@pytest.mark.parametrize("start", [None, 0.7])
def test_diffusion_ends_at_the_sample_that_the_noise_was_added_to(start: float | None) -> None:
    """With an exact prediction of the noise, in any number of steps."""
    clean = torch.full_like(START, start or 0.0)
    noise = torch.randn(START.shape, generator=torch.Generator().manual_seed(0))
    schedule = SigmaSchedule.spaced(7, 0.6)
    sigmas = dict(zip(schedule.times.tolist(), schedule.sigmas.tolist(), strict=True))

    def predict(x: Tensor, time: Tensor) -> Tensor:
        sigma = sigmas[int(time)]
        return (x * (1 + sigma**2) ** 0.5 - clean) / sigma

    steps: list[int] = []
    given = None if start is None else clean
    sampled = sample_diffusion(predict, noise, schedule, steps.append, given)
    torch.testing.assert_close(sampled, clean, atol=1e-5, rtol=1e-5)
    assert steps == [1, 2, 3, 4]
