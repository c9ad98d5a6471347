"""DiffSplat's card, and the cameras that its networks were trained with."""

from __future__ import annotations

import math

from ...contract.cards import ConditionKind, EngineCard, MapCamera, Variant
from ...contract.parameters import (
    MEMORY,
    NEGATIVE_PROMPT,
    OPACITY_THRESHOLD,
    PRECISION,
    SEED,
    ParameterSpec,
    ParameterType,
)
from .base_models import DIFFUSION_SOLVERS, FLOW_SOLVERS
from .published_checkpoints import (
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

OWN = "default"  # the variant's own choice
SOLVERS = tuple(dict.fromkeys((OWN, *DIFFUSION_SOLVERS, *FLOW_SOLVERS)))
PREPARATIONS = ("fine", "published")

TEXT_AND_IMAGE = (ConditionKind.TEXT, ConditionKind.IMAGE)
MAPS = (ConditionKind.DEPTH, ConditionKind.NORMAL, ConditionKind.CANNY)

SAMPLING = (
    SEED,
    NEGATIVE_PROMPT,
    ParameterSpec(
        "steps",
        ParameterType.INT,
        0,
        "Sampling steps; 0 takes the variant's own number, 20 or 28.",
        "Steps",
        minimum=0,
        maximum=200,
    ),
    ParameterSpec(
        "guidance",
        ParameterType.FLOAT,
        0.0,
        "How strictly the prompt is followed; 1 not more than it must be. 0 takes the variant's "
        "own: 7.5, 4.5 or 5 for text, 2 with a picture.",
        "Guidance",
        minimum=0.0,
        maximum=30.0,
    ),
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
    ParameterSpec(
        "scheduler",
        ParameterType.CHOICE,
        OWN,
        "The solver of the diffusion equations. SD3.5 takes flow and both dpmsolver++, the others "
        "all but flow.",
        "Scheduler",
        choices=SOLVERS,
    ),
    ParameterSpec(
        "eta",
        ParameterType.FLOAT,
        1.0,
        "With ddim: how much noise every step adds, from none to as much as in training.",
        "DDIM Noise",
        minimum=0.0,
        maximum=1.0,
    ),
)
VIEWING = (
    ParameterSpec(
        "elevation",
        ParameterType.FLOAT,
        10.0,
        "How far above the object's middle the views, and a picture, are taken from. Learned from "
        "-10 to 40.",
        "Elevation",
        minimum=-90.0,
        maximum=90.0,
        unit="degrees",
    ),
    ParameterSpec(
        ELEVATION_PARAMETER,
        ParameterType.BOOL,
        False,
        "With a picture: estimate its elevation. Often wrong; by hand is better.",
        "Estimate Elevation",
    ),
    ParameterSpec(
        "preparation",
        ParameterType.CHOICE,
        PREPARATIONS[0],
        "How a picture is prepared: with nothing lost, or as the published program did.",
        "Picture Preparation",
        choices=PREPARATIONS,
    ),
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
    OPACITY_THRESHOLD,
)
COMPUTING = (
    ParameterSpec(
        T5_PARAMETER,
        ParameterType.BOOL,
        False,
        "SD3.5: read the prompt with T5 as well. Long prompts are understood better; 9.5 GB more.",
        "Use T5",
    ),
    PRECISION,
    MEMORY,
)
PARAMETERS = (*SAMPLING, *VIEWING, *COMPUTING)

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
            parameters=PARAMETERS,
        ),
        Variant(
            "pixart-sigma",
            "PixArt-Sigma",
            TEXT_AND_IMAGE,
            checkpoints=PIXART_CHECKPOINTS,
            memory_bytes={"bfloat16": 9_700_000_000},
            parameters=PARAMETERS,
        ),
        Variant(
            "sd35-medium",
            "Stable Diffusion 3.5 Medium",
            TEXT_AND_IMAGE,
            checkpoints=SD35_CHECKPOINTS,
            memory_bytes={"bfloat16": 4_700_000_000},
            parameters=PARAMETERS,
        ),
    ),
    map_camera=MapCamera(DISTANCE, FOV),
)
