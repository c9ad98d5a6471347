"""The solvers of the diffusion equations by their names: stock ones, set up as published."""

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

Stock = (
    DPMSolverMultistepScheduler
    | DDIMScheduler
    | EulerDiscreteScheduler
    | FlowMatchEulerDiscreteScheduler
)


@dataclass(frozen=True)
class Solver:
    """A stock scheduler set to a number of steps, its tables on the CPU.

    Tables on the CPU and noise drawn beforehand leave nothing between two steps that the host
    would have to wait for.
    """

    stock: Stock
    times: Tensor  # [steps], what the network is told
    is_random: bool  # whether every step takes a draw of noise
    eta: float = 1.0  # of DDIM: from no noise to as much as the ancestral sampler's

    @property
    def first_sigma(self) -> float:
        """What unit noise is multiplied with in the beginning."""
        return float(getattr(self.stock, "init_noise_sigma", 1.0))

    def scaled(self, latents: Tensor, step: int) -> Tensor:
        """The network's input."""
        if isinstance(self.stock, FlowMatchEulerDiscreteScheduler):
            return latents
        return self.stock.scale_model_input(latents, self.times[step])  # pyright: ignore[reportArgumentType]

    def advance(self, predicted: Tensor, step: int, latents: Tensor, noise: Tensor) -> Tensor:
        """The latents after `step`; `noise` is looked at only if the solver is random."""
        time = self.times[step]
        if isinstance(self.stock, DDIMScheduler):
            answer = self.stock.step(
                predicted,
                int(time),
                latents,
                eta=self.eta,
                variance_noise=noise if self.is_random else None,
                return_dict=False,
            )
        elif isinstance(self.stock, DPMSolverMultistepScheduler):
            draw = noise if self.is_random else None
            answer = self.stock.step(
                predicted, time, latents, variance_noise=draw, return_dict=False
            )
        else:
            answer = self.stock.step(predicted, time, latents, return_dict=False)  # pyright: ignore[reportArgumentType]
        return answer[0]


def make_solver(name: str, base: Config, prediction: str, steps: int, eta: float = 1.0) -> Solver:
    """The solver called `name` for a base model.

    Args:
        base: the base model's scheduler configuration.
        prediction: what the network predicts: "epsilon", "v_prediction" or "flow".
        eta: how much noise ddim adds, 0..1.
    """
    make = _flow if prediction == "flow" else _diffusion
    stock = make(name, base, prediction)
    stock.set_timesteps(steps, device="cpu")
    if not isinstance(stock, DDIMScheduler):
        stock.set_begin_index(0)
    is_random = name == "sde-dpmsolver++" or (name == "ddim" and eta > 0)
    return Solver(stock, torch.as_tensor(stock.timesteps), is_random, eta)


def _diffusion(name: str, base: Config, prediction: str) -> Stock:
    common = {"timestep_spacing": "trailing", "prediction_type": prediction}
    if name == "ddim":
        return from_config(DDIMScheduler, base, **common)
    if name == "edm":
        return from_config(EulerDiscreteScheduler, base, **common)
    return from_config(DPMSolverMultistepScheduler, base, algorithm_type=name, **common)


def _flow(name: str, base: Config, prediction: str) -> Stock:
    if name == "flow":
        return from_config(FlowMatchEulerDiscreteScheduler, base)
    return from_config(
        DPMSolverMultistepScheduler,
        {},
        algorithm_type=name,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=base.get("shift", 1.0),
    )
