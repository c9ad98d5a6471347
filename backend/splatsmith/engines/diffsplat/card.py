"""DiffSplat's card: its variants with their parameters, and the cameras of its networks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...contract.cards import ConditionKind, EngineCard, MapCamera, Variant
from ...contract.parameters import (
    ELEVATION,
    GUIDANCE,
    MEMORY,
    NEGATIVE_PROMPT,
    OPACITY_THRESHOLD,
    PRECISION,
    PREPARATION,
    SEED,
    STEPS,
    ParameterSpec,
    ParameterType,
)
from .published_checkpoints import (
    BLOB_PARAMETER,
    ELEVATION_PARAMETER,
    PIXART_CHECKPOINTS,
    SD15_CHECKPOINTS,
    SD35_CHECKPOINTS,
    T5_PARAMETER,
)

AZIMUTHS = (0.0, 90.0, 180.0, 270.0)  # degrees, of the four views
DISTANCE = 1.4
FOCAL = 1422.222 / 1024  # of the image's side
FOV = math.degrees(2 * math.atan(0.5 / FOCAL))

TEXT_AND_IMAGE = (ConditionKind.TEXT, ConditionKind.IMAGE)
MAPS = (ConditionKind.DEPTH, ConditionKind.NORMAL, ConditionKind.CANNY)

DIFFUSION_SOLVERS = ("sde-dpmsolver++", "dpmsolver++", "ddim", "edm")  # see diffusion.schedulers
FLOW_SOLVERS = ("flow", "dpmsolver++", "sde-dpmsolver++")


@dataclass(frozen=True)
class Settings:
    """A request's parameters, by the names of their specs; defaults where not all variants have
    one.
    """

    seed: int
    negative_prompt: str
    steps: int
    guidance: float
    image_guidance: float
    triangle: bool
    least_guidance: float
    scheduler: str
    blob: bool
    blob_size: float
    blob_strength: float
    blob_background: float
    elevation: float
    estimate_elevation: bool
    preparation: str
    opacity_threshold: float
    precision: str
    memory: str
    eta: float = 1.0
    control_strength: float = 1.0
    guess: bool = False
    t5: bool = False

    def guidance_of(self, has_picture: bool) -> float:
        """The guidance of a request with or without a picture."""
        return self.image_guidance if has_picture else self.guidance


def _scheduler(solvers: tuple[str, ...]) -> ParameterSpec:
    return ParameterSpec(
        "scheduler",
        ParameterType.CHOICE,
        solvers[0],
        "The solver of the diffusion equations.",
        "Scheduler",
        choices=solvers,
    )


ETA = ParameterSpec(
    "eta",
    ParameterType.FLOAT,
    1.0,
    "With ddim: how much noise every step adds, from none to as much as in training.",
    "DDIM Noise",
    minimum=0.0,
    maximum=1.0,
)
TEXT_GUIDANCE = replace(
    GUIDANCE,
    description="Without a picture: how strictly the prompt is followed; 1 for no guidance.",
)
IMAGE_GUIDANCE = replace(
    GUIDANCE,
    name="image_guidance",
    default=2.0,
    description="With a picture: how strictly it and the prompt are followed; 1 for no guidance. "
    "Above 3 colours burn.",
    label="Picture Guidance",
)
TRIANGLE = (
    ParameterSpec(
        "triangle",
        ParameterType.BOOL,
        False,
        "Guide the front least and the back most, so that the front keeps to the picture.",
        "Triangle Guidance",
    ),
    ParameterSpec(
        "least_guidance",
        ParameterType.FLOAT,
        1.0,
        "With triangle guidance: that of the front.",
        "Front Guidance",
        minimum=0.0,
        maximum=30.0,
    ),
)
BLOB = (
    ParameterSpec(
        BLOB_PARAMETER,
        ParameterType.BOOL,
        False,
        "Start from a noisy dark blob on white in every view, not from pure noise: it favours an "
        "object in the middle of a white background.",
        "Start from Blob",
    ),
    ParameterSpec(
        "blob_size",
        ParameterType.FLOAT,
        0.1,
        "With Start from Blob: its standard deviation, as a part of a view's width.",
        "Blob Size",
        minimum=0.01,
        maximum=1.0,
    ),
    ParameterSpec(
        "blob_strength",
        ParameterType.FLOAT,
        0.98,
        "With Start from Blob: how much noise it gets; so many of the steps are taken.",
        "Blob Noise",
        minimum=0.1,
        maximum=1.0,
    ),
    ParameterSpec(
        "blob_background",
        ParameterType.FLOAT,
        0.0,
        "With Start from Blob: how dark the background is.",
        "Blob Background",
        minimum=0.0,
        maximum=1.0,
    ),
)
VIEWS = (
    replace(
        ELEVATION,
        description="How far above the object's middle the views, and a picture, are taken from. "
        "Learned from -10 to 40.",
    ),
    ParameterSpec(
        ELEVATION_PARAMETER,
        ParameterType.BOOL,
        False,
        "With a picture: estimate its elevation. Often wrong; by hand is better.",
        "Estimate Elevation",
    ),
    PREPARATION,
)
CONTROL = (
    ParameterSpec(
        "control_strength",
        ParameterType.FLOAT,
        1.0,
        "With a depth, normal or edge map: how strictly it is followed.",
        "Map Strength",
        minimum=0.0,
        maximum=2.0,
    ),
    ParameterSpec(
        "guess",
        ParameterType.BOOL,
        False,
        "With a map: let the network guess what the map shows, with a short or no prompt.",
        "Guess from Map",
    ),
)
T5 = ParameterSpec(
    T5_PARAMETER,
    ParameterType.BOOL,
    False,
    "Read the prompt with T5 as well. Long prompts are understood better; 9.5 GB more.",
    "Use T5",
)


def _parameters(
    steps: int, guidance: float, solvers: tuple[str, ...], *extra: ParameterSpec
) -> tuple[ParameterSpec, ...]:
    """Of a variant, with these defaults."""
    return (
        SEED,
        NEGATIVE_PROMPT,
        replace(STEPS, default=steps, maximum=200),
        replace(TEXT_GUIDANCE, default=guidance),
        IMAGE_GUIDANCE,
        *TRIANGLE,
        _scheduler(solvers),
        *([ETA] if "ddim" in solvers else []),
        *BLOB,
        *VIEWS,
        *extra,
        OPACITY_THRESHOLD,
        PRECISION,
        MEMORY,
    )


CARD = EngineCard(
    id="diffsplat",
    title="DiffSplat",
    description="Image diffusion models that draw splats in four views. Wants a GPU.",
    quality="good",
    variants=(
        Variant(
            "sd15",
            "Stable Diffusion 1.5",
            (*TEXT_AND_IMAGE, *MAPS),
            mutually_exclusive=(ConditionKind.IMAGE, *MAPS),
            checkpoints=SD15_CHECKPOINTS,
            memory_bytes={
                "bfloat16": 2_000_000_000,
                "float16": 2_000_000_000,
                "float32": 3_900_000_000,
            },
            parameters=_parameters(20, 7.5, DIFFUSION_SOLVERS, *CONTROL),
        ),
        Variant(
            "pixart-sigma",
            "PixArt-Sigma",
            TEXT_AND_IMAGE,
            checkpoints=PIXART_CHECKPOINTS,
            memory_bytes={"bfloat16": 9_700_000_000},
            parameters=_parameters(20, 4.5, DIFFUSION_SOLVERS),
        ),
        Variant(
            "sd35-medium",
            "Stable Diffusion 3.5 Medium",
            TEXT_AND_IMAGE,
            checkpoints=SD35_CHECKPOINTS,
            memory_bytes={"bfloat16": 4_700_000_000},
            parameters=_parameters(28, 5.0, FLOW_SOLVERS, T5),
        ),
    ),
    map_camera=MapCamera(DISTANCE, FOV),
)
