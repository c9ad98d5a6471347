"""The card of the lattice: a cube of Gaussians, made in steps that can be slow or fail."""

from __future__ import annotations

from splatsmith.contract.cards import ConditionKind, EngineCard, Variant
from splatsmith.contract.parameters import ParameterSpec, ParameterType

MAPS = (ConditionKind.DEPTH, ConditionKind.NORMAL, ConditionKind.CANNY)
FAILURES = ("none", "exception", "memory", "disk", "exit", "killed", "hang", "print")

PARAMETERS = (
    ParameterSpec("seed", ParameterType.INT, 0, "Where chance begins.", minimum=0, maximum=99),
    ParameterSpec("steps", ParameterType.INT, 3, "How many.", minimum=1, maximum=10_000),
    ParameterSpec(
        "pause", ParameterType.FLOAT, 0.0, "A step's time.", minimum=0, maximum=60, unit="s"
    ),
    ParameterSpec("hollow", ParameterType.BOOL, False, "Leave the inside out."),
    ParameterSpec("previews", ParameterType.BOOL, False, "Show what there is so far."),
    ParameterSpec("failure", ParameterType.CHOICE, "none", "What goes wrong.", choices=FAILURES),
)

CARD = EngineCard(
    id="lattice",
    title="Lattice",
    description="A cube of coloured Gaussians.",
    quality="test",
    variants=(
        Variant("cube", "Cube", (ConditionKind.TEXT, ConditionKind.IMAGE), parameters=PARAMETERS),
        Variant(
            "picture",
            "Picture",
            (ConditionKind.IMAGE,),
            (ConditionKind.IMAGE,),
            parameters=PARAMETERS,
        ),
        Variant(
            "guided",
            "Guided",
            (ConditionKind.TEXT, *MAPS),
            (ConditionKind.TEXT,),
            parameters=PARAMETERS,
        ),
    ),
)
