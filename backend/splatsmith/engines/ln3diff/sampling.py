"""Sampling latents: the text denoiser's diffusion and the image denoiser's flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchdiffeq import odeint

from ...contract.problems import InvalidRequest

TRAINING_STEPS = 1000
_BETAS = (0.00085, 0.012)  # first and last; their roots are spaced evenly

Predict = Callable[[Tensor, Tensor], Tensor]
"""Noisy latents [N, 12, S, S] and a time [] to the guided prediction."""


@dataclass(frozen=True)
class SigmaSchedule:
    """Noise levels of K Euler steps, descending; after the last comes 0.

    sigmas: [K]. times: [K], 0..999, as the network takes them.
    """

    sigmas: NDArray[np.float64]
    times: NDArray[np.int64]

    @classmethod
    def spaced(cls, steps: int, strength: float = 1.0) -> SigmaSchedule:
        """`steps` of the training's noise levels, evenly spaced from the highest; with a lower
        `strength` (0..1) that share of them, the last ones, but at least one.
        """
        table = training_sigmas()
        times = np.linspace(TRAINING_STEPS - 1, 0, steps, endpoint=False).astype(np.int64)
        kept = times[steps - max(1, round(strength * steps)) :]
        return cls(table[kept], kept)


def training_sigmas() -> NDArray[np.float64]:
    """[1000], ascending: the standard deviation of the noise where the data's is 1."""
    first, last = (beta**0.5 for beta in _BETAS)
    betas = np.linspace(first, last, TRAINING_STEPS) ** 2
    alphas_cumprod = np.cumprod(1 - betas)
    return np.sqrt((1 - alphas_cumprod) / alphas_cumprod)


def sample_diffusion(
    predict: Predict,
    noise: Tensor,
    schedule: SigmaSchedule,
    on_step: Callable[[int], None],
    start: Tensor | None = None,
) -> Tensor:
    """Euler's method over decreasing noise levels, with a prediction of the noise.

    Args:
        noise: [N, 12, S, S], unit variance.
        on_step: called with 1, 2, ...
        start: [N, 12, S, S] latents to add the noise to; None = pure noise.
    """
    sigmas = [*schedule.sigmas.tolist(), 0.0]
    times = torch.from_numpy(schedule.times).to(noise.device)
    x = noise * (1 + sigmas[0] ** 2) ** 0.5 if start is None else start + sigmas[0] * noise
    for step, (now, following) in enumerate(zip(sigmas[:-1], sigmas[1:], strict=True)):
        predicted = predict(x / (1 + now**2) ** 0.5, times[step])
        x = x + (following - now) * predicted
        on_step(step + 1)
    return x


class FlowSolver(StrEnum):
    """Solvers of the flow's equation: the published, adaptive one, and ones of fixed steps."""

    DOPRI5 = "dopri5"
    EULER = "euler"
    MIDPOINT = "midpoint"
    HEUN = "heun"

    @property
    def is_adaptive(self) -> bool:
        return self is FlowSolver.DOPRI5

    @property
    def evaluations(self) -> int:
        """Of the network, in a fixed step."""
        return 1 if self is FlowSolver.EULER else 2


@dataclass(frozen=True)
class Flow:
    """The equation dx/dt = predict(x, t) from `start` to time 1, and how it is solved.

    steps: from time 0, of solvers of fixed steps; a later start takes its share of them.
    rtol, atol: of the adaptive solver; the defaults are the published ones.
    """

    solver: FlowSolver
    steps: int
    start: float = 0.0
    rtol: float = 1e-3
    atol: float = 1e-6

    @property
    def fixed_steps(self) -> int:
        return max(1, round((1 - self.start) * self.steps))


class _Velocity:
    """The velocity as torchdiffeq evaluates it, and reports of how far it came, 0..1."""

    def __init__(self, predict: Predict, flow: Flow, on_progress: Callable[[float], None]) -> None:
        self._predict = predict
        self._flow = flow
        self._on_progress = on_progress
        self._evaluations = 0
        self._time = flow.start

    def __call__(self, time: Tensor, x: Tensor) -> Tensor:
        self._on_progress(self._progress())
        self._evaluations += 1
        return self._predict(x, time.float())

    def callback_accept_step(self, start: Tensor, _x: Tensor, length: Tensor) -> None:
        self._time = float(start + length)

    def _progress(self) -> float:
        flow = self._flow
        if flow.solver.is_adaptive:
            return min((self._time - flow.start) / (1 - flow.start), 1.0)
        return self._evaluations / (flow.solver.evaluations * flow.fixed_steps)


def sample_flow(
    predict: Predict, x: Tensor, flow: Flow, on_progress: Callable[[float], None]
) -> Tensor:
    """Solve the flow's equation.

    Args:
        predict: a prediction of the velocity.
        x: [N, 12, S, S] at the flow's start; at time 0 it is noise of unit variance. All samples
            are one system, so an adaptive solver's steps depend on which are together.
        on_progress: called before every evaluation with the share that is done; it may raise.

    Raises:
        InvalidRequest: the adaptive solver does not converge.
    """
    velocity = _Velocity(predict, flow, on_progress)
    if not flow.solver.is_adaptive:
        times = torch.linspace(flow.start, 1, flow.fixed_steps + 1, device=x.device)
        method = "heun2" if flow.solver is FlowSolver.HEUN else flow.solver.value
        with catch_warnings():  # these solvers make no steps to be accepted
            simplefilter("ignore")
            return torch.as_tensor(odeint(velocity, x, times, method=method)[-1])
    times = torch.tensor([flow.start, 1.0], device=x.device)
    try:
        solved = odeint(velocity, x, times, method="dopri5", rtol=flow.rtol, atol=flow.atol)
        return torch.as_tensor(solved[-1])
    except AssertionError as error:  # torchdiffeq's: steps of length 0, or values not finite
        raise InvalidRequest(
            "The adaptive solver found no steps that are exact enough.",
            "Choose the solver euler, or precision float32.",
        ) from error
