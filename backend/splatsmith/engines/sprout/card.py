"""Sprout's card."""

from __future__ import annotations

from ...contract.cards import Checkpoint, CheckpointFile, ConditionKind, EngineCard, Variant
from ...contract.licences import Licence
from ...contract.parameters import SEED, ParameterSpec, ParameterType

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
        "beside the weights"
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
        ),
    ),
    parameters=(
        SEED,
        ParameterSpec(
            "steps",
            ParameterType.INT,
            20,
            "Sampling steps; with a picture, Detail's share of them. More take longer and change "
            "little beyond 30.",
            "Steps",
            minimum=1,
            maximum=100,
        ),
        ParameterSpec(
            "guidance",
            ParameterType.FLOAT,
            3.0,
            "How strictly the prompt is followed. Above 4 colours burn.",
            "Guidance",
            minimum=1.0,
            maximum=8.0,
        ),
        ParameterSpec(
            "elevation",
            ParameterType.FLOAT,
            18.0,
            "How far above the object's middle the picture was taken from.",
            "Elevation",
            minimum=-10.0,
            maximum=60.0,
            unit="degrees",
        ),
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
    ),
)
