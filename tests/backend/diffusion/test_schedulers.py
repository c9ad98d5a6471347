"""Solvers that start in the middle, from clean latents with noise."""

from __future__ import annotations

import pytest
import torch

from splatsmith.diffusion.schedulers import Solver, make_solver

DIFFUSION = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "clip_sample": False,
}
FLOW = {"shift": 3.0}
STEPS = 20
DETERMINISTIC = [
    ("dpmsolver++", "epsilon"),
    ("ddim", "epsilon"),
    ("edm", "epsilon"),
    ("flow", "flow"),
    ("dpmsolver++", "flow"),
]
STOCHASTIC = [("sde-dpmsolver++", "epsilon"), ("sde-dpmsolver++", "flow")]


def solver(name: str, prediction_type: str, strength: float = 1.0, steps: int = STEPS) -> Solver:
    config = FLOW if prediction_type == "flow" else DIFFUSION
    return make_solver(name, config, prediction_type, steps, eta=0.0, strength=strength)


@pytest.mark.parametrize(("name", "prediction_type"), DETERMINISTIC + STOCHASTIC)
@pytest.mark.parametrize(("strength", "taken"), [(1.0, 20), (0.98, 19), (0.5, 10), (0.01, 1)])
def test_strength_takes_the_last_steps(
    name: str, prediction_type: str, strength: float, taken: int
) -> None:
    whole = solver(name, prediction_type)
    part = solver(name, prediction_type, strength)
    assert torch.equal(part.timesteps, whole.timesteps[STEPS - taken :])


@pytest.mark.parametrize(("name", "prediction_type"), DETERMINISTIC)
@pytest.mark.parametrize("strength", [0.98, 0.5])
def test_a_perfect_prediction_leads_back_to_the_clean_latents(
    name: str, prediction_type: str, strength: float
) -> None:
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    part = solver(name, prediction_type, strength)
    latents = part.add_noise(clean, noise)
    assert (latents - clean).abs().max() > 0.1
    for step in range(len(part.timesteps)):
        part.scale_input(latents, step)
        prediction = noise - clean if prediction_type == "flow" else noise
        latents = part.step(prediction, step, latents, torch.zeros_like(noise))
    assert torch.allclose(latents, clean, atol=0.05)
