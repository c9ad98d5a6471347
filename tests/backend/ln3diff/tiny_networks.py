"""Small networks with random weights."""

from __future__ import annotations

from typing import TypeVar

import torch

from splatsmith.engines.ln3diff.decoder import ConvConfig, Decoder, DecoderConfig
from splatsmith.engines.ln3diff.denoiser import (
    Denoiser,
    DenoiserConfig,
    ImageDenoiser,
    TextDenoiser,
)

AnyDenoiser = TypeVar("AnyDenoiser", bound=Denoiser)

TINY_DENOISER = DenoiserConfig(width=64, layers=2, heads=1, latent_size=8)
TINY_DECODER = DecoderConfig(
    width=48, layers=2, heads=3, latent_size=8, conv=ConvConfig(channels=(32, 32))
)


def random_decoder(config: DecoderConfig = TINY_DECODER, seed: int = 0) -> Decoder:
    torch.manual_seed(seed)
    decoder = Decoder(config).eval().requires_grad_(False)
    decoder.transformer.pos_embed.normal_()
    return decoder


def random_image_denoiser(config: DenoiserConfig = TINY_DENOISER, seed: int = 0) -> ImageDenoiser:
    torch.manual_seed(seed)
    return _randomized(ImageDenoiser(config))


def random_text_denoiser(config: DenoiserConfig = TINY_DENOISER, seed: int = 0) -> TextDenoiser:
    torch.manual_seed(seed)
    return _randomized(TextDenoiser(config))


def _randomized(denoiser: AnyDenoiser) -> AnyDenoiser:
    for name, parameter in denoiser.named_parameters():
        if name.endswith(("pos_embed", "table")):
            torch.nn.init.normal_(parameter, std=0.3)
    return denoiser.eval().requires_grad_(False)
