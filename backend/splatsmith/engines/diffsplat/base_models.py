"""What differs between DiffSplat's variants, by base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...contract.cards import Checkpoint, ConditionKind
from . import published_checkpoints as published


@dataclass(frozen=True)
class TextEncoderSpec:
    """One of a base model's text encoders.

    kind: "clip", "projected clip", "t5" or "masked t5", see conditioning.prompt_encoders.
    encoder, tokenizer: the checkpoint's subfolders.
    length: its maximum of tokens.
    variant: of the weights' file name.
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
class BaseModel:
    """A base model with its DiffSplat networks.

    network: "unet", "pixart" or "sd3", see denoisers.
    prediction_types: of the denoisers from text and from a picture.
    latent_scale: factor and shift of the GSVAE's latents.
    """

    id: str
    network: str
    text_denoiser: Checkpoint
    image_denoiser: Checkpoint
    gsvae: Checkpoint
    image_encoder: Checkpoint
    text_encoders: tuple[TextEncoderSpec, ...]
    prediction_types: tuple[str, str]
    latent_scale: tuple[float, float]
    control_nets: Mapping[ConditionKind, Checkpoint] = field(default_factory=dict)

    def denoiser(self, has_picture: bool) -> Checkpoint:
        """The denoiser for text alone, or the one that takes a picture as well."""
        return self.image_denoiser if has_picture else self.text_denoiser


SD15 = BaseModel(
    id="sd15",
    network="unet",
    text_denoiser=published.SD15_TEXT,
    image_denoiser=published.SD15_IMAGE,
    gsvae=published.SD15_GSVAE,
    image_encoder=published.SD15_VAE,
    text_encoders=(TextEncoderSpec("clip", published.SD15_TEXT_ENCODER, variant="fp16"),),
    prediction_types=("epsilon", "v_prediction"),
    latent_scale=(0.18215, 0.0),
    control_nets=published.SD15_CONTROL_NETS,
)
PIXART_SIGMA = BaseModel(
    id="pixart-sigma",
    network="pixart",
    text_denoiser=published.PIXART_TEXT,
    image_denoiser=published.PIXART_IMAGE,
    gsvae=published.PIXART_GSVAE,
    image_encoder=published.PIXART_VAE,
    text_encoders=(TextEncoderSpec("masked t5", published.PIXART_TEXT_ENCODER, length=300),),
    prediction_types=("epsilon", "v_prediction"),
    latent_scale=(0.13025, 0.0),
)
SD35_MEDIUM = BaseModel(
    id="sd35-medium",
    network="sd3",
    text_denoiser=published.SD35_TEXT,
    image_denoiser=published.SD35_IMAGE,
    gsvae=published.SD35_GSVAE,
    image_encoder=published.SD35_VAE,
    text_encoders=(
        TextEncoderSpec("projected clip", published.SD35_CLIP),
        TextEncoderSpec("projected clip", published.SD35_CLIP, "text_encoder_2", "tokenizer_2"),
        TextEncoderSpec("t5", published.SD35_T5, "text_encoder_3", "tokenizer_3", 256),
    ),
    prediction_types=("flow", "flow"),
    latent_scale=(1.5305, 0.0609),
)
BASE_MODELS = {model.id: model for model in (SD15, PIXART_SIGMA, SD35_MEDIUM)}
