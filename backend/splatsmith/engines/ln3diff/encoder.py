"""The encoder: six views of an object, with depths and rays, to its latent (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.vae import Encoder as ConvEncoder
from torch import Tensor, nn

from .decoder import LATENT_CHANNELS
from .triplane import PLANES

VIEW_CHANNELS = 10  # color 3, -1..1; rays 6: moment o x d, direction d; depth 1, 0 where nothing is
VIEW_SIZE = 256
VIEWS = 6
_GROUPS = 32


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes; the defaults are the published ones. channels: of each level, the finest first."""

    channels: tuple[int, ...] = (64, 128, 256, 256)
    layers: int = 1
    heads: int = 8
    head_width: int = 64


class ViewTransformer(nn.Module):
    """Attention of all pixels of all views of an object, then within each view."""

    def __init__(self, channels: int, heads: int, head_width: int) -> None:
        super().__init__()
        width = heads * head_width
        self.norm = nn.GroupNorm(_GROUPS, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, width, 1)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, heads=heads, dim_head=head_width)
        self.attn2 = Attention(width, heads=heads, dim_head=head_width)
        self.ff = FeedForward(width, activation_fn="geglu")
        self.proj_out = nn.Conv2d(width, channels, 1)
        self.views = VIEWS

    def forward(self, images: Tensor, temb: None = None) -> Tensor:
        """Features [B V, C, h, w] of V views; `temb` is what diffusers passes."""
        height, width = images.shape[-2:]
        x = self.proj_in(self.norm(images)).flatten(2).transpose(1, 2)  # [B V, L, W]
        objects = self.norm1(x).unflatten(0, (-1, self.views)).flatten(1, 2)
        x = x + self.attn1(objects).unflatten(1, (self.views, -1)).flatten(0, 1)
        x = x + self.attn2(self.norm2(x))
        x = x + self.ff(self.norm3(x))
        return images + self.proj_out(x.transpose(1, 2).unflatten(-1, (height, width)))


class Encoder(nn.Module):
    """Views to the mean of a latent's distribution, of the autoencoder's scale."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        channels = config.channels
        self.convolutions = ConvEncoder(
            in_channels=VIEW_CHANNELS,
            out_channels=LATENT_CHANNELS,
            down_block_types=("DownEncoderBlock2D",) * len(channels),
            block_out_channels=channels,
            layers_per_block=config.layers,
        )
        attention = ViewTransformer(channels[-1], config.heads, config.head_width)
        self.convolutions.mid_block.attentions = nn.ModuleList([attention])
        moments = 2 * LATENT_CHANNELS  # mean, then logarithm of the variance
        self.quant_conv = nn.Conv2d(moments, moments, 1, groups=PLANES)

    def forward(self, views: Tensor) -> Tensor:
        """[B, V, 10, H, W] to [B, 12, H / 8, W / 8]; the order of the views is free."""
        cast("ViewTransformer", self.convolutions.mid_block.attentions[0]).views = views.shape[1]
        features = self.convolutions(views.flatten(0, 1)).unflatten(0, views.shape[:2])
        return self.quant_conv(features.mean(1))[:, :LATENT_CHANNELS]


def encoder_views(colors: Tensor, depths: Tensor, c2w: Tensor, focal: float) -> Tensor:
    """Views as the encoder takes them, [V, 10, S, S].

    Args:
        colors: [V, 3, S, S], -1..1, on white.
        depths: [V, S, S]; 0 where there is nothing.
        c2w: [V, 4, 4], OpenCV axes, in the network's world.
        focal: of the views' side.
    """
    size = colors.shape[-1]
    pixels = (torch.arange(size, device=colors.device) + 0.5) / size - 0.5
    y, x = torch.meshgrid(pixels / focal, pixels / focal, indexing="ij")
    local = torch.stack([x, y, torch.ones_like(x)], -1)
    local = local / local.norm(dim=-1, keepdim=True)
    directions = torch.einsum("vij,hwj->vhwi", c2w[:, :3, :3], local)
    origins = c2w[:, None, None, :3, 3].expand_as(directions)
    rays = torch.cat([torch.linalg.cross(origins, directions), directions], -1)
    return torch.cat([colors, rays.permute(0, 3, 1, 2), depths[:, None]], 1)
