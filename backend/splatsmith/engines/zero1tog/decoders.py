"""Latents to mosaics: the image decoder of Stable Diffusion, or the video decoder of Stable Video
Diffusion, to which the attributes are frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor, nn

SCALING_FACTOR = 0.18215  # of Stable Diffusion's latents
PIXELS_PER_LATENT = 8


@dataclass(frozen=True)
class Scalings:
    """Latents z are denoised as (z - shift) * factor; a picture x is encoded as x * contrast."""

    shift: float = 0.0
    factor: float = 1.0
    contrast: float = 1.0

    def unscale_latents(self, latents: Tensor) -> Tensor:
        return latents / self.factor + self.shift

    def unscale_image(self, image: Tensor) -> Tensor:
        return image / self.contrast

    def scale_latents(self, latents: Tensor) -> Tensor:
        return (latents - self.shift) * self.factor

    def scale_image(self, image: Tensor) -> Tensor:
        return image * self.contrast


NO_SCALINGS = Scalings()
ZERO123PLUS = Scalings(shift=0.22, factor=0.75, contrast=0.5 / 0.8)


class ImageDecoder(nn.Module):
    """Every mosaic by itself. Published as `vae.decoder` with `vae.post_quant_conv`."""

    def __init__(self, decoder: Decoder, post_quant_conv: nn.Conv2d) -> None:
        super().__init__()
        self.decoder = decoder
        self.post_quant_conv = post_quant_conv

    def forward(self, latents: Tensor) -> Tensor:
        """[A, 4, h, w] to [A, 3, 8 h, 8 w]."""
        return self.decoder(self.post_quant_conv(latents))


class VideoDecoder(nn.Module):
    """All mosaics of an object together. Published as `vae.decoder`."""

    def __init__(self, decoder: TemporalDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latents: Tensor) -> Tensor:
        """[A, 4, h, w] to [A, 3, 8 h, 8 w]."""
        frames = len(latents)
        is_single = torch.zeros(1, frames, dtype=latents.dtype, device=latents.device)
        return self.decoder(latents, image_only_indicator=is_single, num_frames=frames)


def decode_latents(
    decoder: ImageDecoder | VideoDecoder, latents: Tensor, scalings: Scalings
) -> Tensor:
    """Denoised latents [A, 4, h, w] as mosaics [A, 3, 8 h, 8 w], -1..1."""
    decoded = decoder(scalings.unscale_latents(latents) / SCALING_FACTOR)
    return scalings.unscale_image(decoded).clamp(-1, 1)
