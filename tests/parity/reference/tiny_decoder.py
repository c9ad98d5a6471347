"""The small decoder beside the autoencoder in DiffSplat's GSVAE checkpoints, used in training."""

from __future__ import annotations

from collections.abc import Sequence

from diffusers.models.autoencoders.vae import DecoderTiny
from torch import Tensor, nn

from splatsmith.engines.diffsplat.gsvae import CHANNELS


class TinyDecoder(nn.Module):
    """Parameters are named as in the checkpoint."""

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

        post_quant_conv: the autoencoder's, if it has one; applied to scaled latents here.
        """
        return self.tiny_decoder(latents if post_quant_conv is None else post_quant_conv(latents))
