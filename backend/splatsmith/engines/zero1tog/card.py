"""Zero-1-to-G's card: its variants with their parameters. No weights of it are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...contract.cards import Checkpoint, ConditionKind, EngineCard, Variant
from ...contract.parameters import (
    GUIDANCE,
    MEMORY,
    OPACITY_THRESHOLD,
    PRECISION,
    SEED,
    STEPS,
    ParameterSpec,
    ParameterType,
    ParameterValue,
)
from .published_checkpoints import (
    ADDED,
    ATTRIBUTES_PARAMETER,
    CONCATENATED,
    DECODER_PARAMETER,
    VIDEO,
    VIDEO_DECODER,
    ZERO123PLUS,
)

DISTANCE, FOV = 1.5, 60.0  # of the picture's camera, whose height the cloud's is relative to
NEWER, OLDER = "newer", "older"
ALL, PARTS = "all", "parts"  # see joint_unet.JointAttention
OWN_DECODER, IMAGE = "own", "image"


@dataclass(frozen=True)
class Settings:
    """A request's parameters, by the names of their specs."""

    seed: int
    steps: int
    guidance: float
    rescale: float
    attributes: str
    joint_attention: str
    encoding: str
    decoder: str
    foreground_ratio: float
    opacity_threshold: float
    precision: str
    memory: str

    @classmethod
    def of(cls, parameters: Mapping[str, ParameterValue]) -> Settings:
        return cls(**parameters)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Model:
    """What a variant runs.

    trained: the user's file, by the number of attributes. view_size: pixels, unless the file says
    another.
    """

    trained: Mapping[str, Checkpoint]
    view_size: int
    memory_bytes: Mapping[str, int]


RESCALE = ParameterSpec(
    "rescale",
    ParameterType.FLOAT,
    0.7,
    "How much contrast guidance may not add: 0 leaves its result as it is, 1 takes all back.",
    "Guidance Rescale",
    minimum=0.0,
    maximum=1.0,
)
ATTRIBUTES = ParameterSpec(
    ATTRIBUTES_PARAMETER,
    ParameterType.CHOICE,
    "5",
    "How many your weights were trained with, which files do not tell: 4 is without rotations.",
    "Attributes",
    choices=("5", "4"),
)
JOINT_ATTENTION = ParameterSpec(
    "joint_attention",
    ParameterType.CHOICE,
    ALL,
    "As your weights were trained: attributes attend to all positions of each other, or in parts, "
    "eighths of the positions.",
    "Joint Attention",
    choices=(ALL, PARTS),
)
ENCODING = ParameterSpec(
    "encoding",
    ParameterType.CHOICE,
    NEWER,
    "As your weights were trained: the ranges of the attributes' values, and, in the older "
    "program, latents and pictures scaled as Zero123++ does.",
    "Encoding",
    choices=(NEWER, OLDER),
)
DECODER = ParameterSpec(
    DECODER_PARAMETER,
    ParameterType.CHOICE,
    OWN_DECODER,
    "That of your file (or the base model's, if there is none in it), the base model's, or that of "
    "Stable Video Diffusion.",
    "Decoder",
    choices=(OWN_DECODER, IMAGE, VIDEO),
)
FOREGROUND_RATIO = ParameterSpec(
    "foreground_ratio",
    ParameterType.FLOAT,
    0.85,
    "How much of the prepared picture the object takes.",
    "Foreground Ratio",
    minimum=0.3,
    maximum=1.0,
)


def _parameters(joint_attention: str, encoding: str) -> tuple[ParameterSpec, ...]:
    is_newer = encoding == NEWER
    return (
        SEED,
        STEPS,
        replace(GUIDANCE, default=5.0 if is_newer else 2.0),
        replace(RESCALE, default=0.7 if is_newer else 0.0),
        FOREGROUND_RATIO,
        ATTRIBUTES,
        replace(JOINT_ATTENTION, default=joint_attention),
        replace(ENCODING, default=encoding),
        DECODER,
        replace(OPACITY_THRESHOLD, default=0.005),
        PRECISION,
        MEMORY,
    )


def _variant(
    name: str, title: str, trained: tuple[Checkpoint, ...], memory: dict[str, int], **kind: str
) -> Variant:
    return Variant(
        name,
        title,
        (ConditionKind.IMAGE,),
        checkpoints=(*trained, ZERO123PLUS, VIDEO_DECODER),
        memory_bytes=memory,
        parameters=_parameters(**kind),
    )


# Estimates, by the sizes of networks and activations: measured on no device yet.
_FAST = {"bfloat16": 11_000_000_000, "float16": 11_000_000_000, "float32": 18_000_000_000}
_FAST_128 = {"bfloat16": 7_000_000_000, "float16": 7_000_000_000, "float32": 11_000_000_000}
_SMALL = {"bfloat16": 8_000_000_000, "float16": 8_000_000_000, "float32": 12_000_000_000}
_SMALL_128 = {"bfloat16": 4_000_000_000, "float16": 4_000_000_000, "float32": 6_000_000_000}


def _by_attributes(trained: tuple[Checkpoint, ...]) -> dict[str, Checkpoint]:
    return {each.id.rpartition("-")[2]: each for each in trained}


MODELS = {
    "concatenated-320": Model(_by_attributes(CONCATENATED), 320, _FAST),
    "concatenated-128": Model(_by_attributes(CONCATENATED), 128, _FAST_128),
    "added-128": Model(_by_attributes(ADDED), 128, _FAST_128),
}

CARD = EngineCard(
    id="zero1tog",
    title="Zero-1-to-G",
    description="Six views of an object as pictures of its Gaussians' attributes. No weights are "
    "published: import a file that you have trained. A picture of an object. Wants a GPU.",
    variants=(
        _variant(
            "concatenated-320",
            "320 Pixels a View",
            CONCATENATED,
            _SMALL,
            joint_attention=ALL,
            encoding=NEWER,
        ),
        _variant(
            "concatenated-128",
            "128 Pixels a View",
            CONCATENATED,
            _SMALL_128,
            joint_attention=ALL,
            encoding=NEWER,
        ),
        _variant(
            "added-128",
            "128 Pixels a View, Older",
            ADDED,
            _SMALL_128,
            joint_attention=PARTS,
            encoding=OLDER,
        ),
    ),
)
