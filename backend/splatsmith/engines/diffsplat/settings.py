"""A request's parameters, with the variant's own choices filled in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...contract.cards import ConditionKind
from ...contract.problems import InvalidRequest
from ..base import EngineInputs
from .card import MAPS, OWN
from .variants import Family


@dataclass(frozen=True)
class Settings:
    """See the card for what each means."""

    seed: int
    negative_prompt: str
    steps: int
    guidance: float
    triangle: bool
    least_guidance: float
    scheduler: str
    eta: float
    elevation: float
    estimate_elevation: bool
    preparation: str
    control_strength: float
    guess: bool
    opacity_threshold: float
    t5: bool
    precision: str
    memory: str

    def completed(self, family: Family, has_picture: bool) -> Settings:
        """With the family's own steps, guidance and scheduler where none was chosen.

        Raises:
            InvalidRequest: the scheduler does not fit the family.
        """
        own = family.picture_guidance if has_picture else family.guidance
        scheduler = family.solvers[0] if self.scheduler == OWN else self.scheduler
        if scheduler not in family.solvers:
            raise InvalidRequest(
                f"{family.id} has no scheduler {scheduler}.",
                f"It has: {', '.join(family.solvers)}.",
            )
        return replace(
            self,
            steps=self.steps or family.steps,
            guidance=self.guidance or own,
            scheduler=scheduler,
        )


def read_settings(inputs: EngineInputs, family: Family) -> Settings:
    """The completed settings of a request.

    Raises:
        InvalidRequest: they contradict each other or the variant.
    """
    settings = Settings(**inputs.parameters)  # pyright: ignore[reportArgumentType]
    return settings.completed(family, ConditionKind.IMAGE in inputs.pictures)


def chosen_map(inputs: EngineInputs) -> ConditionKind | None:
    """Which map is given: depth, normal, canny or none; the card makes them mutually exclusive."""
    return next((each for each in MAPS if each in inputs.pictures), None)


def choose_precision(wanted: str, device: str) -> torch.dtype:
    """The networks' type on `device`.

    Raises:
        InvalidRequest: the CPU is asked for half precision of the kind it computes slowly.
    """
    if wanted != "auto":
        if wanted == "float16" and device == "cpu":
            raise InvalidRequest("A CPU cannot use float16 here.", "Use float32 or bfloat16.")
        return getattr(torch, wanted)
    if device == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
