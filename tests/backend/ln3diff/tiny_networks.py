"""Small networks with random weights."""

from __future__ import annotations

import torch

from splatsmith.engines.ln3diff.decoder import ConvConfig, Decoder, DecoderConfig

TINY_DECODER = DecoderConfig(
    width=48, layers=2, heads=3, latent_size=8, conv=ConvConfig(channels=(32, 32))
)


def random_decoder(config: DecoderConfig = TINY_DECODER, seed: int = 0) -> Decoder:
    torch.manual_seed(seed)
    decoder = Decoder(config).eval().requires_grad_(False)
    decoder.transformer.pos_embed.normal_()
    return decoder
