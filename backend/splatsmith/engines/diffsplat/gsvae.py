"""GSVAE: the autoencoder between latents and splat images of 12 channels.

Channels of a splat image, all -1..1: rgb 3, scale 3, rotation 4 (wxyz), opacity 1, depth 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderTiny
from torch import Tensor, nn

from ...nn.diffusers_config import from_config

CHANNELS = 12


@dataclass(frozen=True)
class LatentScale:
    """Denoisers see latents of the autoencoder as (latents - shift) * factor."""

    factor: float
    shift: float = 0.0

    def to_autoencoder(self, latents: Tensor) -> Tensor:
        return latents / self.factor + self.shift


class GSVAE(nn.Module):
    """The autoencoder in the stock class; checkpoints name it `vae`."""

    def __init__(self, config: Mapping[str, object], scale: LatentScale) -> None:
        super().__init__()
        self.vae = from_config(AutoencoderKL, config)
        self.scale = scale

    def decode(self, latents: Tensor) -> Tensor:
        """Denoised latents [V, C, h, w] to splat images [V, 12, 8 h, 8 w], not yet clamped."""
        z = self.scale.to_autoencoder(latents)
        return self.vae.decode(z, return_dict=False)[0]  # pyright: ignore[reportArgumentType]

    @property
    def latent_channels(self) -> int:
        return self.vae.config["latent_channels"]

    def decode_views(self, latents: Tensor, together: bool) -> Tensor:
        """As `decode`, all views at once or, in a quarter of the memory, one by one."""
        parts = [latents] if together else latents.split(1)
        return torch.cat([self.decode(part) for part in parts])

    def encode(self, images: Tensor) -> Tensor:
        """Splat images to the autoencoder's own latents, unscaled: the posterior's mode."""
        return self.vae.encode(images, return_dict=False)[0].mode()


class TinyDecoder(nn.Module):
    """The small decoder that stands beside the autoencoder in its checkpoints.

    It served the training losses; here it only shows that a checkpoint is understood whole.
    """

    def __init__(self, latent_channels: int, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        self.tiny_decoder = DecoderTiny(
            in_channels=latent_channels,
            out_channels=CHANNELS,
            num_blocks=tuple(blocks),
            block_out_channels=tuple(widths),
            upsampling_scaling_factor=2,
            act_fn="relu",
            upsample_fn="nearest",
        )

    def forward(self, latents: Tensor, post_quant_conv: nn.Module | None) -> Tensor:
        """Denoised latents to splat images [V, 12, 8 h, 8 w].

        post_quant_conv: the autoencoder's own, where it has one; here it sees scaled latents.
        """
        return self.tiny_decoder(latents if post_quant_conv is None else post_quant_conv(latents))
