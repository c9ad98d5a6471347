"""Sprout's card."""

from __future__ import annotations

from dataclasses import replace

from ...contract.cards import (
    Checkpoint,
    CheckpointFile,
    CheckpointSource,
    ConditionKind,
    EngineCard,
    Variant,
)
from ...contract.licences import CommercialUse, Licence
from ...contract.parameters import ELEVATION, GUIDANCE, SEED, STEPS, ParameterSpec, ParameterType

WEIGHTS = Checkpoint(
    id="sprout",
    title="Sprout",
    files=(
        CheckpointFile(
            "weights/sprout.safetensors",
            32_906_224,
            "263e12eac0d57ceeee41d2d48c741409eee4547557ec72fed4f03279f86e73c9",
        ),
    ),
    licence=Licence(
        "CC0-1.0 and CC-BY-3.0 training objects, Apache-2.0 picture features; see ATTRIBUTION.md "
        "beside the weights",
        commercial_use=CommercialUse.ALLOWED,
    ),
    source=CheckpointSource.BUNDLED,
)

PARAMETERS = (
    SEED,
    replace(
        STEPS,
        default=20,
        description="Sampling steps; with a picture, Detail's share of them. More take longer and "
        "change little beyond 30.",
        maximum=100,
    ),
    replace(
        GUIDANCE,
        default=3.0,
        description="How strictly the prompt is followed. Above 4 colours burn.",
        maximum=8.0,
    ),
    replace(ELEVATION, default=18.0, minimum=-10.0, maximum=60.0),
    ParameterSpec(
        "detail",
        ParameterType.FLOAT,
        0.25,
        "With a picture: 0 keeps the smooth first estimate, 1 samples everything anew.",
        "Detail",
        minimum=0.0,
        maximum=1.0,
    ),
    ParameterSpec(
        "refinement",
        ParameterType.INT,
        10,
        "With a picture: steps that bring the asset nearer to it. 0 leaves it as it is.",
        "Refinement",
        minimum=0,
        maximum=100,
    ),
    ParameterSpec(
        "keep_framing",
        ParameterType.BOOL,
        False,
        "The picture is what a camera with a field of view of 40 degrees sees of an object "
        "whose bounding sphere just fills it. The asset takes its size and place from it.",
        "Keep Framing",
    ),
)

CARD = EngineCard(
    id="sprout",
    title="Sprout (built in)",
    description="Splatsmith's own small model. Offline, in seconds, on any machine.",
    quality="preview",
    variants=(
        Variant(
            "base",
            "Base",
            (ConditionKind.TEXT, ConditionKind.IMAGE),
            checkpoints=(WEIGHTS,),
            memory_bytes={"float32": 600_000_000},
            parameters=PARAMETERS,
        ),
    ),
)
