"""The decoder: a latent to a triplane (section 4.1 of the paper).

A transformer whose every token is modulated by its part of the latent, then convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from diffusers.models.autoencoders.vae import Decoder as ConvDecoder
from torch import Tensor, nn

from .transformer import Attention, Mlp, modulated_norm
from .triplane import PLANE_CHANNELS, PLANES, PointMlp

LATENT_CHANNELS = 12  # channel c * 3 + p of a latent is channel c of plane p
LATENT_SIZE = 32
PATCH = 2


@dataclass(frozen=True)
class ConvConfig:
    """Of the convolutions. channels: of each level, the finest first."""

    channels: tuple[int, ...] = (32, 64, 64, 128)
    layers: int = 1


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes; the defaults are the published ones.

    latent_size: tokens of a plane are (latent_size / 2)^2.
    mlp_bias: whether the transformer's MLPs have biases; the published ones have none.
    """

    width: int = 1024
    layers: int = 24
    heads: int = 16
    latent_size: int = LATENT_SIZE
    mlp_bias: bool = False
    conv: ConvConfig = field(default_factory=ConvConfig)

    @property
    def grid(self) -> int:
        """Tokens along a side of a plane."""
        return self.latent_size // PATCH

    @property
    def plane_size(self) -> int:
        """Pixels along a side of a decoded plane: 128 in the published network."""
        return self.grid * 2 ** (len(self.conv.channels) - 1)


class Upsample(nn.Module):
    """Latents [B, 12, S, S] to tokens [B, 3 (S/2)^2, W], ordered by plane, row and column."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(LATENT_CHANNELS, PLANES * width, PATCH, PATCH, groups=PLANES)

    def forward(self, latent: Tensor) -> Tensor:
        # Channel c * 3 + p of the result is plane p, which the convolution's groups are not.
        features = self.proj(latent).unflatten(1, (-1, PLANES))  # [B, W, 3, h, w]
        return features.flatten(2).transpose(1, 2)


class DecoderBlock(nn.Module):
    """A transformer block with adaLN of each token by its condition."""

    def __init__(self, config: DecoderConfig, within_planes: bool) -> None:
        super().__init__()
        self.within_planes = within_planes
        self.attn = Attention(config.width, config.heads)
        self.mlp = Mlp(config.width, config.mlp_bias)
        self.modulation = nn.Linear(config.width, 6 * config.width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x and the SiLU of the condition, both [B, N, W]."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(condition).chunk(6, -1)
        x = x + gate_a * self._attend(modulated_norm(x, shift_a, scale_a))
        return x + gate_m * self.mlp(modulated_norm(x, shift_m, scale_m))

    def _attend(self, x: Tensor) -> Tensor:
        if not self.within_planes:
            return self.attn(x)
        planes = x.unflatten(1, (PLANES, -1)).flatten(0, 1)
        return self.attn(planes).unflatten(0, (-1, PLANES)).flatten(1, 2)


class PlaneTransformer(nn.Module):
    """Learned tokens, modulated by the latent's; every other block attends across planes."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, PLANES * config.grid**2, config.width))
        self.blocks = nn.ModuleList(
            DecoderBlock(config, within_planes=index % 2 == 0) for index in range(config.layers)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """The latent's tokens [B, N, W] to the planes' [B, N, W]."""
        condition = nn.functional.silu(tokens)
        x = self.pos_embed.expand_as(tokens)
        for block in self.blocks:
            x = block(x, condition)
        return x


class Decoder(nn.Module):
    """Latents to planes; and the MLP that gives density and color at points of them."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.upsample = Upsample(config.width)
        self.transformer = PlaneTransformer(config)
        self.convolutions = ConvDecoder(
            in_channels=config.width,
            out_channels=PLANE_CHANNELS,
            up_block_types=("UpDecoderBlock2D",) * len(config.conv.channels),
            block_out_channels=config.conv.channels,
            layers_per_block=config.conv.layers,
        )
        self.point_mlp = PointMlp()

    def forward(self, latent: Tensor) -> Tensor:
        """Latents [B, 12, S, S] of the autoencoder's scale to planes [B, 3, 32, P, P], float32."""
        tokens = self.transformer(self.upsample(latent.to(self.upsample.proj.weight.dtype)))
        return self.to_planes(tokens).float()

    def to_planes(self, tokens: Tensor) -> Tensor:
        """The transformer's tokens [B, N, W] as planes [B, 3, 32, P, P]."""
        grid = self.config.grid
        features = tokens.unflatten(1, (PLANES, grid, grid)).flatten(0, 1).permute(0, 3, 1, 2)
        return self.convolutions(features.contiguous()).unflatten(0, (-1, PLANES))
