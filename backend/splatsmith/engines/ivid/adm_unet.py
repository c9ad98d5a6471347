"""The denoiser: the U-Net of ADM (Dhariwal and Nichol 2021), which predicts noise.

Modules have the published checkpoints' names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...nn.attention import attend

RGBD = 4  # channels of a view: colour and depth code, -1..1
CONDITIONED_CHANNELS = 10  # RGBD, colour mask, known colour, known depth, depth mask
NO_CLASS = -1
MAX_PERIOD = 10_000.0


@dataclass(frozen=True)
class AdmUnetConfig:
    """Sizes of a network; the defaults are the published ones.

    in_channels: RGBD, or CONDITIONED_CHANNELS. classes: 0 for a network without them.
    attention_resolutions: sides in pixels of the levels with attention.
    """

    image_size: int = 128
    in_channels: int = RGBD
    model_channels: int = 256
    res_blocks: int = 2
    classes: int = 1000
    channel_mult: tuple[int, ...] = (1, 1, 2, 3, 4)
    attention_resolutions: tuple[int, ...] = (32, 16, 8)
    groups: int = 32
    head_channels: int = 64

    @property
    def operations(self) -> float:
        """Of one evaluation of one view, in convolutions and attention."""
        total, channels, size = 0.0, self.model_channels, self.image_size
        for mult in self.channel_mult:
            width = mult * self.model_channels
            # Convolutions of 3 x 3: two a block on the way down, on the way up with wider inputs.
            per_block = 2 * 9 * size**2 * width * (channels + 3 * width + (width + channels))
            total += (self.res_blocks + 1) * per_block
            if size in self.attention_resolutions:
                total += (2 * self.res_blocks + 1) * (8 * size**2 * width**2 + 4 * size**4 * width)
            channels, size = width, size // 2
        return total


class TimeFrequencies(nn.Module):
    """Sinusoidal embedding [B, C] of times [B]: cosines, then sines."""

    freqs: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        freqs = torch.exp(-math.log(MAX_PERIOD) * torch.arange(half) / half)
        self.register_buffer("freqs", freqs)

    def forward(self, time: Tensor) -> Tensor:
        phases = time.to(self.freqs.dtype)[:, None] * self.freqs
        return torch.cat([phases.cos(), phases.sin()], dim=-1)


class GroupNorm32(nn.GroupNorm):
    """Statistics in float32, whatever the input is."""

    def forward(self, input: Tensor) -> Tensor:
        if input.dtype is torch.float32 or input.is_cuda:  # CUDA's kernel accumulates in float32
            return super().forward(input)
        weight, bias = self.weight.float(), self.bias.float()
        return F.group_norm(input.float(), self.num_groups, weight, bias, self.eps).to(input.dtype)


class Resampling(nn.Module):
    """Twice or half the size: nearest neighbours, or means of 2 x 2."""

    def __init__(self, *, up: bool) -> None:
        super().__init__()
        self.up = up

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0) if self.up else F.avg_pool2d(x, 2)


class ResBlock(nn.Module):
    """Residual block; the embedding scales and shifts its second norm."""

    def __init__(
        self, channels: int, out: int, config: AdmUnetConfig, resampling: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            GroupNorm32(config.groups, channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1)
        )
        self.resampling = resampling or nn.Identity()
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(4 * config.model_channels, 2 * out))
        self.out_layers = nn.Sequential(
            GroupNorm32(config.groups, out),
            nn.SiLU(),
            nn.Identity(),  # the published dropout, of probability 0
            nn.Conv2d(out, out, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        norm, activation, conv = self.in_layers
        h = conv(self.resampling(activation(norm(x))))
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.out_layers[0](h), 1 + scale)
        return self.skip_connection(self.resampling(x)) + self.out_layers[1:](h)


class AttentionBlock(nn.Module):
    """Self-attention of all pixels; q, k and v of a head stand together."""

    def __init__(self, channels: int, config: AdmUnetConfig) -> None:
        super().__init__()
        self.heads = channels // config.head_channels
        self.norm = GroupNorm32(config.groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        pixels = x.flatten(2)
        qkv = self.qkv(self.norm(pixels)).unflatten(1, (self.heads, 3, -1))  # B h 3 C N
        q, k, v = qkv.transpose(-1, -2).unbind(2)
        attended = attend(q, k, v).transpose(-1, -2).flatten(1, 2)
        return (pixels + self.proj_out(attended)).unflatten(2, x.shape[2:])


class Blocks(nn.Sequential):
    """Layers one after another, with the embedding to those that take it."""

    def forward(self, input: Tensor, embedding: Tensor) -> Tensor:
        for layer in self:
            takes_embedding = isinstance(layer, (ResBlock, AttentionBlock))
            input = layer(input, embedding) if takes_embedding else layer(input)
        return input


@dataclass(frozen=True)
class Level:
    """A level of the U-Net: its number, image side, channels, and attention layers."""

    index: int
    channels: int
    has_attention: bool


class AdmUnet2d(nn.Module):
    """Noisy views [B, in_channels, S, S], times [B] from 0 and classes [B] to noise [B, 4, S, S].

    A class of NO_CLASS stands for none: its embedding is zero.
    """

    def __init__(self, config: AdmUnetConfig) -> None:
        super().__init__()
        self.config = config
        width, embedded = config.model_channels, 4 * config.model_channels
        self.time_embed = nn.Sequential(
            TimeFrequencies(width),
            nn.Linear(width, embedded),
            nn.SiLU(),
            nn.Linear(embedded, embedded),
        )
        if config.classes:
            self.label_emb = nn.Embedding(config.classes, embedded)
        self.input_blocks = nn.ModuleList(_input_blocks(config))
        channels = config.channel_mult[-1] * width
        self.middle_block = Blocks(
            ResBlock(channels, channels, config),
            AttentionBlock(channels, config),
            ResBlock(channels, channels, config),
        )
        self.output_blocks = nn.ModuleList(_output_blocks(config))
        first = config.channel_mult[0] * width
        self.out = nn.Sequential(
            GroupNorm32(config.groups, first), nn.SiLU(), nn.Conv2d(first, RGBD, 3, padding=1)
        )

    @property
    def dtype(self) -> torch.dtype:
        """Of the blocks."""
        return next(self.middle_block.parameters()).dtype

    def forward(self, x: Tensor, time: Tensor, classes: Tensor) -> Tensor:
        embedding = self._embed(time, classes).to(self.dtype)
        h = x.to(self.dtype)
        skips: list[Tensor] = []
        for block in self.input_blocks:
            h = block(h, embedding)
            skips.append(h)
        h = self.middle_block(h, embedding)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), embedding)
        return self.out(h.float())

    def _embed(self, time: Tensor, classes: Tensor) -> Tensor:
        embedding = self.time_embed(time)
        if not self.config.classes:
            return embedding
        has_class = (classes >= 0).to(embedding.dtype)[:, None]
        return embedding + has_class * self.label_emb(classes.clamp(min=0))


def _levels(config: AdmUnetConfig) -> list[Level]:
    return [
        Level(
            index,
            mult * config.model_channels,
            config.image_size >> index in config.attention_resolutions,
        )
        for index, mult in enumerate(config.channel_mult)
    ]


def _input_blocks(config: AdmUnetConfig) -> Iterator[Blocks]:
    channels = config.channel_mult[0] * config.model_channels
    yield Blocks(nn.Conv2d(config.in_channels, channels, 3, padding=1))
    for level in _levels(config):
        for _ in range(config.res_blocks):
            yield Blocks(ResBlock(channels, level.channels, config), *_attention(level, config))
            channels = level.channels
        if level.index < len(config.channel_mult) - 1:
            yield Blocks(ResBlock(channels, channels, config, Resampling(up=False)))


def _output_blocks(config: AdmUnetConfig) -> Iterator[Blocks]:
    skips = _skip_channels(config)
    channels = skips[-1]
    for level in reversed(_levels(config)):
        for number in range(config.res_blocks + 1):
            layers: list[nn.Module] = [
                ResBlock(channels + skips.pop(), level.channels, config),
                *_attention(level, config),
            ]
            channels = level.channels
            if level.index and number == config.res_blocks:
                layers.append(ResBlock(channels, channels, config, Resampling(up=True)))
            yield Blocks(*layers)


def _skip_channels(config: AdmUnetConfig) -> list[int]:
    """The output channels of the input blocks."""
    levels = _levels(config)
    counts = [levels[0].channels]
    for level in levels:
        is_last = level is levels[-1]
        counts += (config.res_blocks + (not is_last)) * [level.channels]
    return counts


def _attention(level: Level, config: AdmUnetConfig) -> list[nn.Module]:
    return [AttentionBlock(level.channels, config)] if level.has_attention else []
