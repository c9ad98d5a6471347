"""Diffusion solvers by name: diffusers' schedulers, configured as published."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from torch import Tensor

from ..nn.diffusers_config import Config, from_config

Scheduler = (
    DPMSolverMultistepScheduler
    | DDIMScheduler
    | EulerDiscreteScheduler
    | FlowMatchEulerDiscreteScheduler
)


@dataclass(frozen=True)
class Solver:
    """A scheduler set to a number of steps, or to the last of them, with its tables on the CPU.

    Tables on the CPU and noise drawn beforehand avoid synchronising with the GPU between steps.
    """

    scheduler: Scheduler
    timesteps: Tensor  # [steps to go], as the network takes them
    is_stochastic: bool  # whether every step takes a noise sample
    eta: float = 1.0  # of DDIM: 0 deterministic .. 1 as ancestral sampling

    @property
    def initial_sigma(self) -> float:
        """The factor of the initial unit noise."""
        return float(getattr(self.scheduler, "init_noise_sigma", 1.0))

    def add_noise(self, clean: Tensor, noise: Tensor) -> Tensor:
        """Latents at the first timestep, from clean ones and unit noise."""
        if isinstance(self.scheduler, FlowMatchEulerDiscreteScheduler):
            return self.scheduler.scale_noise(clean, self.timesteps[:1], noise)  # pyright: ignore[reportArgumentType]
        return self.scheduler.add_noise(clean, noise, self.timesteps[:1])  # pyright: ignore[reportArgumentType]

    def scale_input(self, latents: Tensor, step: int) -> Tensor:
        """The network's input at `step`."""
        if isinstance(self.scheduler, FlowMatchEulerDiscreteScheduler):
            return latents
        return self.scheduler.scale_model_input(latents, self.timesteps[step])  # pyright: ignore[reportArgumentType]

    def step(self, prediction: Tensor, step: int, latents: Tensor, noise: Tensor) -> Tensor:
        """The latents after `step`; `noise` is used only if the solver is stochastic."""
        time = self.timesteps[step]
        if isinstance(self.scheduler, DDIMScheduler):
            result = self.scheduler.step(
                prediction,
                int(time),
                latents,
                eta=self.eta,
                variance_noise=noise if self.is_stochastic else None,
                return_dict=False,
            )
        elif isinstance(self.scheduler, DPMSolverMultistepScheduler):
            variance_noise = noise if self.is_stochastic else None
            result = self.scheduler.step(
                prediction, time, latents, variance_noise=variance_noise, return_dict=False
            )
        else:
            result = self.scheduler.step(prediction, time, latents, return_dict=False)  # pyright: ignore[reportArgumentType]
        return result[0]


def make_solver(
    name: str,
    config: Config,
    prediction_type: str,
    steps: int,
    eta: float = 1.0,
    strength: float = 1.0,
) -> Solver:
    """The solver called `name` for a base model.

    Args:
        config: the base model's scheduler configuration.
        prediction_type: of the network: "epsilon", "v_prediction" or "flow".
        steps: from pure noise.
        eta: of "ddim", 0..1.
        strength: 0..1, the share of the steps that are taken, the last ones; at least one.
    """
    make = _flow_scheduler if prediction_type == "flow" else _diffusion_scheduler
    scheduler = make(name, config, prediction_type)
    scheduler.set_timesteps(steps, device="cpu")
    skipped = min(steps - int(steps * strength), steps - 1)
    if not isinstance(scheduler, DDIMScheduler):
        scheduler.set_begin_index(skipped)
    is_stochastic = name == "sde-dpmsolver++" or (name == "ddim" and eta > 0)
    return Solver(scheduler, torch.as_tensor(scheduler.timesteps)[skipped:], is_stochastic, eta)


def _diffusion_scheduler(name: str, config: Config, prediction_type: str) -> Scheduler:
    common = {"timestep_spacing": "trailing", "prediction_type": prediction_type}
    if name == "ddim":
        return from_config(DDIMScheduler, config, **common)
    if name == "edm":
        return from_config(EulerDiscreteScheduler, config, **common)
    return from_config(DPMSolverMultistepScheduler, config, algorithm_type=name, **common)


def _flow_scheduler(name: str, config: Config, prediction_type: str) -> Scheduler:
    if name == "flow":
        return from_config(FlowMatchEulerDiscreteScheduler, config)
    return from_config(
        DPMSolverMultistepScheduler,
        {},
        algorithm_type=name,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=config.get("shift", 1.0),
    )
