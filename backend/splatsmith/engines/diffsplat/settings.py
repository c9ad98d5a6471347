"""A request's parameters, with the variant's own values filled in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...contract.cards import ConditionKind
from ...contract.problems import InvalidRequest
from ..base import EngineInputs
from .base_models import BaseModel
from .card import OWN


@dataclass(frozen=True)
class Settings:
    """The card's parameters."""

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

    def completed(self, model: BaseModel, has_picture: bool) -> Settings:
        """With the base model's steps, guidance and scheduler where none was chosen.

        Raises:
            InvalidRequest: the scheduler does not fit the base model.
        """
        guidance = model.image_guidance if has_picture else model.guidance
        scheduler = model.solvers[0] if self.scheduler == OWN else self.scheduler
        if scheduler not in model.solvers:
            raise InvalidRequest(
                f"{model.id} has no scheduler {scheduler}.",
                f"It has: {', '.join(model.solvers)}.",
            )
        return replace(
            self,
            steps=self.steps or model.steps,
            guidance=self.guidance or guidance,
            scheduler=scheduler,
        )


def read_settings(inputs: EngineInputs, model: BaseModel) -> Settings:
    """The completed settings of a request.

    Raises:
        InvalidRequest: they contradict each other or the variant.
    """
    settings = Settings(**inputs.parameters)  # pyright: ignore[reportArgumentType]
    return settings.completed(model, ConditionKind.IMAGE in inputs.pictures)
