"""Prompts and pictures as the denoisers take them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .card import Settings
from .denoiser import Conditioning, ImageDenoiser, ImageFeatures, TextDenoiser, with_zeros
from .networks import Networks
from .pictures import (
    CLIP_COLORS,
    DINO_COLORS,
    framed_picture,
    published_picture,
    resize_for_encoders,
)


@dataclass(frozen=True)
class PromptFeatures:
    """tokens: [1, L, 768]. notes: sentences for the user, about what was cut."""

    tokens: Tensor
    notes: tuple[str, ...]


def prepare_picture(picture: NDArray[np.uint8], settings: Settings) -> Tensor:
    """A cut-out object [H, W, 4] as [1, 3, 224, 224], -1..1, on white.

    Raises:
        UnreadablePicture: there is no object in it.
    """
    prepare = published_picture if settings.preparation == "published" else framed_picture
    return prepare(picture, settings.foreground_ratio)


def encode_picture(picture: Tensor, networks: Networks) -> ImageFeatures:
    """A prepared picture [1, 3, S, S], by CLIP and DINO."""
    resized = resize_for_encoders(picture.to(networks.offload.device))
    clip, dino = networks.clip_image_encoder(), networks.dino_encoder()
    with networks.offload.on_device(clip):
        pooled, clip_tokens = clip(CLIP_COLORS.normalize(resized))
    with networks.offload.on_device(dino):
        return ImageFeatures(pooled, clip_tokens, dino(DINO_COLORS.normalize(resized)))


def encode_prompt(prompt: str, networks: Networks) -> PromptFeatures:
    """By CLIP, which reads 77 tokens."""
    encoder = networks.text_encoder()
    with networks.offload.on_device(encoder):
        tokens = encoder([prompt]).tokens
    words = encoder.tokenizer.last_words_kept(prompt)
    cut = f'The prompt was cut after "{words}": CLIP reads 77 tokens.'
    return PromptFeatures(tokens, (cut,) if words else ())


def image_conditioning(
    denoiser: ImageDenoiser, features: ImageFeatures, guidance: float
) -> Conditioning:
    """With guidance 1, of the condition alone."""
    if guidance == 1:
        return denoiser.condition(features)
    return _guided(denoiser.condition(features.with_unconditional()), guidance)


def text_conditioning(denoiser: TextDenoiser, tokens: Tensor, guidance: float) -> Conditioning:
    """With guidance 1, of the condition alone."""
    if guidance == 1:
        return denoiser.condition(tokens)
    return _guided(denoiser.condition(with_zeros(tokens)), guidance)


def _guided(condition: Conditioning, guidance: float) -> Conditioning:
    return replace(condition, guidance=torch.tensor(guidance, device=condition.context.device))
