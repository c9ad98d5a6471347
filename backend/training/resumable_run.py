"""Runs of training steps that may end early and go on later: their loop, folder and rates."""

# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from splatsmith.files import atomic_write
from training.distributed import DistributedContext

SAVE_SECONDS = 120.0
CONFIG = "config.json"

Losses = TypeVar("Losses")
Losses_co = TypeVar("Losses_co", covariant=True)
Config = TypeVar("Config")


class ResumableRun(Protocol[Losses_co]):
    """Training by steps; `step` of them are done."""

    step: int

    def advance(self) -> Losses_co: ...

    def save(self, file: Path) -> None: ...


@dataclass(frozen=True)
class RunLimits:
    """steps: of the whole run. seconds: after which it pauses."""

    steps: int
    seconds: float = math.inf


def advance_run(
    run: ResumableRun[Losses], limits: RunLimits, state_file: Path, context: DistributedContext
) -> Iterator[Losses]:
    """The losses of each step until the limits; the main process saves the state now and then, and
    at the end.
    """
    started = saved = time.monotonic()
    while run.step < limits.steps:
        yield run.advance()
        if context.broadcast_value(time.monotonic() - started) > limits.seconds:
            break
        if context.is_main and time.monotonic() - saved > SAVE_SECONDS:
            run.save(state_file)
            saved = time.monotonic()
    if context.is_main:
        run.save(state_file)


def prepare_folder(config_file: Path, out: Path) -> None:
    """Keep the configuration in OUT.

    Raises:
        ValueError: a run with another configuration is there.
    """
    text = config_file.read_text(encoding="utf-8")
    kept = out / CONFIG
    if kept.exists() and kept.read_text(encoding="utf-8") != text:
        raise ValueError(f"{out} holds a run of another configuration. Choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(kept) as part:
        part.write_text(text, encoding="utf-8")


def read_config(file: Path, of_json: Callable[[dict[str, Any]], Config]) -> Config:
    """Raises ValueError: a member is missing, unknown, or of a wrong kind."""
    try:
        return of_json(json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{file} is no training configuration: {error}.") from error


@dataclass(frozen=True)
class CosineRate:
    """A linear rise to `peak` in `rising_steps`, then a cosine to a hundredth of it at `steps`."""

    peak: float
    rising_steps: int
    steps: int

    def at(self, step: int) -> float:
        rising = min(1.0, (step + 1) / self.rising_steps)
        falling = max(0, step - self.rising_steps) / max(1, self.steps - self.rising_steps)
        return self.peak * rising * max(0.01, 0.5 + 0.5 * math.cos(math.pi * min(1.0, falling)))


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average of the weights, of fewer steps at the beginning."""
    decay = min(decay, (step + 1) / (step + 10))
    values: list[Tensor] = list(averaged.parameters())
    torch._foreach_lerp_(values, list(network.parameters()), 1 - decay)
