"""ivid's card: its variants with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

from ...contract.cards import ConditionKind, EngineCard, Variant
from ...contract.parameters import (
    GUIDANCE,
    MEMORY,
    PRECISION,
    SEED,
    STEPS,
    ParameterSpec,
    ParameterType,
    ParameterValue,
)
from .published_checkpoints import (
    CONDITIONAL,
    FURTHER_VIEWSETS,
    SINGLE_VIEW,
    UNCONDITIONAL,
    VIEWSET,
)

CLASS, PICTURE = "class", "picture"  # the variants
CLASS_LABELS = tuple(
    resources.files("splatsmith.engines.ivid")
    .joinpath("class_labels.txt")
    .read_text("utf-8")
    .splitlines()
)
UNSPECIFIED, FARTHER, NEARER = "unspecified", "farther", "nearer"
MAX_YAW, MAX_PITCH = 34.4, 8.6  # degrees: 0.6 and 0.15, the widest views of the training


@dataclass(frozen=True)
class Settings:
    """A request's parameters, by the names of their specs; defaults where not all variants have
    one.
    """

    seed: int
    view_steps: int
    guidance: float
    sampler: str
    viewset: str
    yaws: str
    pitches: str
    order: str
    precision: str
    memory: str
    steps: int = 0
    depth_values: str = ""
    depth_near: float = 0.0
    depth_far: float = 0.0

    @classmethod
    def of(cls, parameters: Mapping[str, ParameterValue]) -> Settings:
        return cls(**parameters)  # pyright: ignore[reportArgumentType]


_STEPS = replace(
    STEPS, default=1000, description="Of the first view. Fast is meant for 15 to 30.", label="Steps"
)
_VIEW_STEPS = replace(
    STEPS,
    name="view_steps",
    default=50,
    description="Of each further view. Fast is meant for 8 to 20.",
    label="Steps of Further Views",
)
_GUIDANCE = replace(
    GUIDANCE,
    default=3.0,
    minimum=0.0,
    maximum=20.0,
    description="How strictly the class is followed; 0 is twice as fast. The authors measured with "
    "0.5 and show pictures of 3.",
)
_SAMPLER = ParameterSpec(
    "sampler",
    ParameterType.CHOICE,
    "published",
    "Published takes DDPM for the first view's 1,000 steps, and DDIM for fewer steps and for "
    "further views. Fast is a solver of the second order, for few steps.",
    "Sampler",
    choices=("published", "ddim", "fast"),
)
_CUSTOM = (
    ParameterSpec(
        "yaws",
        ParameterType.TEXT,
        "0, 15, -15",
        f"Of the views custom: degrees to the right, at most {MAX_YAW} either way, with commas.",
        "Yaws",
    ),
    ParameterSpec(
        "pitches",
        ParameterType.TEXT,
        "0",
        f"Of the views custom: degrees upwards for each yaw, at most {MAX_PITCH} either way.",
        "Pitches",
    ),
)
_ORDER = ParameterSpec(
    "order",
    ParameterType.CHOICE,
    "published",
    "Published makes one view after another. Rings makes those of the same yaw to both sides "
    "at once, which is faster; they do not see each other.",
    "Order",
    choices=("published", "rings"),
)
_DEPTH = (
    ParameterSpec(
        "depth_values",
        ParameterType.CHOICE,
        UNSPECIFIED,
        "What larger values of the depth map mean: that something is farther, or nearer. It has to "
        "be said.",
        "Larger Depths Are",
        choices=(UNSPECIFIED, FARTHER, NEARER),
    ),
    ParameterSpec(
        "depth_near",
        ParameterType.FLOAT,
        0.75,
        "Distance of the depth map's nearest value; 1 is the middle about which the views turn.",
        "Nearest",
        minimum=0.6,
        maximum=4.9,
    ),
    ParameterSpec(
        "depth_far",
        ParameterType.FLOAT,
        1.5,
        "Distance of the depth map's farthest value.",
        "Farthest",
        minimum=0.61,
        maximum=5.0,
    ),
)


def _viewset(choices: tuple[str, ...]) -> ParameterSpec:
    return ParameterSpec(
        VIEWSET,
        ParameterType.CHOICE,
        "3x9",
        "Which views are made: 3x9 is a grid of 27; random is the front and one more; custom those "
        "of Yaws and Pitches" + (", uncond the front alone." if SINGLE_VIEW in choices else "."),
        "Views",
        choices=choices,
    )


def _common() -> tuple[ParameterSpec, ...]:
    return (
        _VIEW_STEPS,
        _GUIDANCE,
        _SAMPLER,
        *_CUSTOM,
        _ORDER,
        replace(
            PRECISION,
            description="Of the networks' blocks. Auto takes float16 on a GPU, as the published "
            "program does for further views.",
        ),
        MEMORY,
    )


CARD = EngineCard(
    id="ivid",
    title="ivid",
    description="A part of a scene from one of 1,000 classes, view by view: each new view is "
    "painted over what earlier ones show of it. Or new views of a picture with a depth map. 128 "
    "pixels. Wants a GPU.",
    quality="small views",
    class_labels=CLASS_LABELS,
    variants=(
        Variant(
            CLASS,
            "A class",
            (ConditionKind.CLASS,),
            checkpoints=(UNCONDITIONAL, CONDITIONAL),
            memory_bytes={"float16": 3_000_000_000, "float32": 5_500_000_000},
            parameters=(SEED, _viewset((SINGLE_VIEW, *FURTHER_VIEWSETS)), _STEPS, *_common()),
        ),
        Variant(
            PICTURE,
            "A picture with depths",
            (ConditionKind.CLASS, ConditionKind.IMAGE, ConditionKind.DEPTH),
            required=(ConditionKind.IMAGE, ConditionKind.DEPTH),
            checkpoints=(CONDITIONAL,),
            memory_bytes={"float16": 2_000_000_000, "float32": 3_500_000_000},
            parameters=(SEED, _viewset(FURTHER_VIEWSETS), *_DEPTH, *_common()),
            keeps_background=True,
        ),
    ),
)
