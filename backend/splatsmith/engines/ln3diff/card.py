"""LN3Diff's card: its variants with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...contract.cards import Checkpoint, ConditionKind, EngineCard, Variant
from ...contract.parameters import (
    GUIDANCE,
    MEMORY,
    PRECISION,
    PREPARATION,
    SAMPLE,
    SAMPLES,
    SEED,
    STEPS,
    ParameterSpec,
    ParameterType,
    ParameterValue,
)
from .published_checkpoints import CLIP, DINO, IMAGE_TO_3D, TEXT_TO_3D

ADAPTIVE = "dopri5"
SOLVERS = (ADAPTIVE, "euler", "midpoint", "heun")  # see sampling.FlowSolver


@dataclass(frozen=True)
class Settings:
    """A request's parameters, by the names of their specs; defaults where not all variants have
    one.
    """

    seed: int
    samples: int
    sample: int
    steps: int
    guidance: float
    level: float
    precision: str
    memory: str
    strength: float
    solver: str = ""
    foreground_ratio: float = 0.0
    preparation: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, ParameterValue]) -> Settings:
        return cls(**parameters)  # pyright: ignore[reportArgumentType]


SOLVER = ParameterSpec(
    "solver",
    ParameterType.CHOICE,
    ADAPTIVE,
    "Of the flow's equation. dopri5, the published one, chooses its own steps; the others take "
    "Steps, and euler with 25 is the fastest.",
    "Solver",
    choices=SOLVERS,
)
LEVEL = ParameterSpec(
    "level",
    ParameterType.FLOAT,
    10.0,
    "The density at the surface. Lower is thicker, and joins what is thin.",
    "Surface Level",
    minimum=-10.0,
    maximum=100.0,
)
FOREGROUND_RATIO = ParameterSpec(
    "foreground_ratio",
    ParameterType.FLOAT,
    0.85,
    "How much of the prepared picture the object takes. Learned at 0.85.",
    "Foreground Ratio",
    minimum=0.3,
    maximum=1.0,
)

STRENGTH = ParameterSpec(
    "strength",
    ParameterType.FLOAT,
    0.6,
    "With a sheet of views: how far results may be from the object in it. 0 is the object as it is "
    "encoded and decoded; 1 keeps nothing of it.",
    "Variation",
    minimum=0.0,
    maximum=1.0,
    needs=ConditionKind.VIEWS,
)


@dataclass(frozen=True)
class Model:
    """What a variant runs.

    memory_bytes: by dtype, on a GPU, with `memory` fast. (The variant has those of small.)
    """

    checkpoint: Checkpoint
    memory_bytes: dict[str, int]


def _parameters(
    steps: ParameterSpec, guidance: float, *own: ParameterSpec
) -> tuple[ParameterSpec, ...]:
    return (
        SEED,
        SAMPLES,
        SAMPLE,
        steps,
        replace(GUIDANCE, default=guidance),
        *own,
        LEVEL,
        STRENGTH,
        replace(
            PRECISION,
            description="Of the transformers' blocks and the decoder; the field is float32. Auto "
            "takes bfloat16 on a GPU that has it.",
        ),
        MEMORY,
    )


MODELS = {
    "image": Model(IMAGE_TO_3D, {"float16": 5_500_000_000, "float32": 7_500_000_000}),
    "text": Model(TEXT_TO_3D, {"float16": 3_500_000_000, "float32": 6_000_000_000}),
}

CARD = EngineCard(
    id="ln3diff",
    title="LN3Diff",
    description="Diffusion of a density field: meshes first. A picture of an object, or text. Not "
    "for commercial use. Wants a GPU.",
    quality="good",
    variants=(
        Variant(
            "image",
            "Picture to 3D",
            (ConditionKind.IMAGE, ConditionKind.VIEWS),
            checkpoints=(IMAGE_TO_3D, CLIP, DINO),
            memory_bytes={"float16": 2_500_000_000, "float32": 3_500_000_000},
            parameters=_parameters(
                replace(
                    STEPS,
                    default=25,
                    maximum=250,
                    description="Of a solver with fixed steps; dopri5 chooses its own.",
                ),
                4.0,
                SOLVER,
                FOREGROUND_RATIO,
                PREPARATION,
            ),
        ),
        Variant(
            "text",
            "Text to 3D",
            (ConditionKind.TEXT, ConditionKind.VIEWS),
            required=(ConditionKind.TEXT,),
            checkpoints=(TEXT_TO_3D, CLIP),
            memory_bytes={"float16": 2_200_000_000, "float32": 3_500_000_000},
            parameters=_parameters(replace(STEPS, default=250, maximum=250), 6.5),
        ),
    ),
)
