"""Parameters of engines, as data: types, defaults and ranges, checked before a job runs."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import StrEnum

from .problems import InvalidRequest

ParameterValue = int | float | bool | str


class ParameterType(StrEnum):
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True)
class ParameterSpec:
    """One setting of an engine. `minimum` and `maximum` are inclusive; `unit` is for display.

    needs: a kind of condition without which it has no effect.
    """

    name: str
    type: ParameterType
    default: object
    description: str
    label: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    needs: str = ""

    def check(self, value: object) -> ParameterValue:
        """Return `value` in this parameter's type.

        Raises:
            InvalidRequest: wrong type, not finite, out of range or not among the choices.
        """
        match self.type:
            case ParameterType.INT | ParameterType.FLOAT:
                return self._check_number(value)
            case ParameterType.BOOL:
                if isinstance(value, bool):
                    return value
                raise InvalidRequest(f"{self.name} is {value!r}.", "It must be true or false.")
            case ParameterType.CHOICE | ParameterType.TEXT:
                return self._check_text(value)

    def _check_number(self, value: object) -> int | float:
        whole = self.type is ParameterType.INT
        kind = "a whole number" if whole else "a number"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidRequest(f"{self.name} is {value!r}.", f"It must be {kind}.")
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            raise InvalidRequest(f"{self.name} is too large.", "Send a smaller number.")
        if not math.isfinite(value) or (whole and value != int(value)):
            raise InvalidRequest(f"{self.name} is {value!r}.", f"It must be {kind}.")
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not low <= value <= high:
            raise InvalidRequest(
                f"{self.name} is {value:,.12g}{self.unit and ' ' + self.unit}.",
                f"It must lie between {low:,.12g} and {high:,.12g}.",
            )
        return int(value) if whole else float(value)

    def _check_text(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidRequest(f"{self.name} is {value!r}.", "It must be text.")
        if self.choices and value not in self.choices:
            raise InvalidRequest(
                f"{self.name} is {value!r}.", f"It must be one of: {', '.join(self.choices)}."
            )
        return value


# Parameters that several engines have. Each variant sets its own defaults, ranges and description
# with `dataclasses.replace`.

SEED = ParameterSpec(
    "seed",
    ParameterType.INT,
    0,
    "Another number gives another asset of the same prompt.",
    "Seed",
    minimum=0,
    maximum=2**31 - 1,
)
SAMPLES = ParameterSpec(
    "samples",
    ParameterType.INT,
    1,
    "How many assets are made of the same prompt or picture, in one batch.",
    "Samples",
    minimum=1,
    maximum=8,
)
SAMPLE = ParameterSpec(
    "sample",
    ParameterType.INT,
    0,
    "Which of the samples this job is for; 0 for a job of each.",
    "Sample",
    minimum=0,
    maximum=8,
)
STEPS = ParameterSpec(
    "steps",
    ParameterType.INT,
    30,
    "Sampling steps.",
    "Steps",
    minimum=1,
    maximum=1000,
)
GUIDANCE = ParameterSpec(
    "guidance",
    ParameterType.FLOAT,
    5.0,
    "How strictly the condition is followed.",
    "Guidance",
    minimum=1.0,
    maximum=30.0,
)
NEGATIVE_PROMPT = ParameterSpec(
    "negative_prompt", ParameterType.TEXT, "", "What is not wanted.", "Negative Prompt"
)
ELEVATION = ParameterSpec(
    "elevation",
    ParameterType.FLOAT,
    10.0,
    "How far above the object's middle the picture was taken from.",
    "Elevation",
    minimum=-90.0,
    maximum=90.0,
    unit="degrees",
)
PREPARATION = ParameterSpec(
    "preparation",
    ParameterType.CHOICE,
    "fine",
    "How a picture is prepared: with nothing lost, or as the published program did.",
    "Picture Preparation",
    choices=("fine", "published"),
)
OPACITY_THRESHOLD = ParameterSpec(
    "opacity_threshold",
    ParameterType.FLOAT,
    0.0,
    "Gaussians of this opacity or less are left out.",
    "Opacity Threshold",
    minimum=0.0,
    maximum=1.0,
)
PRECISION = ParameterSpec(
    "precision",
    ParameterType.CHOICE,
    "auto",
    "Of the networks' arithmetic: auto takes bfloat16 on a GPU that has it.",
    "Precision",
    choices=("auto", "float32", "float16", "bfloat16"),  # see nn.precision
)
MEMORY = ParameterSpec(
    "memory",
    ParameterType.CHOICE,
    "auto",
    "Fast keeps all networks on the GPU; small only the one at work.",
    "Memory",
    choices=("auto", "fast", "small"),  # see nn.offload
)
