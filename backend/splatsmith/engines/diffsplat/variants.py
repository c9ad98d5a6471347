"""What differs between DiffSplat's variants: their base models, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...contract.cards import Checkpoint, ConditionKind
from . import catalogue as published


@dataclass(frozen=True)
class TextEncoderSpec:
    """One of a base model's text encoders.

    kind: "clip", "projected clip", "t5" or "masked t5", see telling.
    length: tokens that it reads.
    """

    kind: str
    checkpoint: Checkpoint
    encoder: str = "text_encoder"
    tokenizer: str = "tokenizer"
    length: int = 77
    variant: str | None = None

    @property
    def is_t5(self) -> bool:
        return self.kind.endswith("t5")


@dataclass(frozen=True)
class Family:
    """A base model with all that its DiffSplat networks need.

    network: "unet", "pixart" or "sd3", see networks.
    predictions: what the denoisers predict, from text and from a picture.
    solvers: that fit the prediction, the published default first.
    scale: the GSVAE's latents' factor and shift.
    steps, guidance, picture_guidance: the published program's.
    """

    id: str
    network: str
    from_text: Checkpoint
    from_picture: Checkpoint
    gsvae: Checkpoint
    picture_encoder: Checkpoint
    text_encoders: tuple[TextEncoderSpec, ...]
    predictions: tuple[str, str]
    solvers: tuple[str, ...]
    scale: tuple[float, float]
    steps: int
    guidance: float
    picture_guidance: float = 2.0
    control_nets: Mapping[ConditionKind, Checkpoint] = field(default_factory=dict)

    def denoiser(self, has_picture: bool) -> Checkpoint:
        """The denoiser from text alone, or the one that sees a picture."""
        return self.from_picture if has_picture else self.from_text


DIFFUSION_SOLVERS = ("sde-dpmsolver++", "dpmsolver++", "ddim", "edm")
FLOW_SOLVERS = ("flow", "dpmsolver++", "sde-dpmsolver++")

SD15 = Family(
    id="sd15",
    network="unet",
    from_text=published.SD15_TEXT,
    from_picture=published.SD15_IMAGE,
    gsvae=published.SD15_GSVAE,
    picture_encoder=published.SD15_PICTURES,
    text_encoders=(TextEncoderSpec("clip", published.SD15_WORDS, variant="fp16"),),
    predictions=("epsilon", "v_prediction"),
    solvers=DIFFUSION_SOLVERS,
    scale=(0.18215, 0.0),
    steps=20,
    guidance=7.5,
    control_nets=published.SD15_CONTROLS,
)
PIXART_SIGMA = Family(
    id="pixart-sigma",
    network="pixart",
    from_text=published.PIXART_TEXT,
    from_picture=published.PIXART_IMAGE,
    gsvae=published.PIXART_GSVAE,
    picture_encoder=published.PIXART_PICTURES,
    text_encoders=(TextEncoderSpec("masked t5", published.PIXART_WORDS, length=300),),
    predictions=("epsilon", "v_prediction"),
    solvers=DIFFUSION_SOLVERS,
    scale=(0.13025, 0.0),
    steps=20,
    guidance=4.5,
)
SD35_MEDIUM = Family(
    id="sd35-medium",
    network="sd3",
    from_text=published.SD35_TEXT,
    from_picture=published.SD35_IMAGE,
    gsvae=published.SD35_GSVAE,
    picture_encoder=published.SD35_PICTURES,
    text_encoders=(
        TextEncoderSpec("projected clip", published.SD35_WORDS),
        TextEncoderSpec("projected clip", published.SD35_WORDS, "text_encoder_2", "tokenizer_2"),
        TextEncoderSpec("t5", published.SD35_T5, "text_encoder_3", "tokenizer_3", 256),
    ),
    predictions=("flow", "flow"),
    solvers=FLOW_SOLVERS,
    scale=(1.5305, 0.0609),
    steps=28,
    guidance=5.0,
)
FAMILIES = {family.id: family for family in (SD15, PIXART_SIGMA, SD35_MEDIUM)}
