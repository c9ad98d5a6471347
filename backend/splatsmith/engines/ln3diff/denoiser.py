"""The denoisers: noisy latents to velocities (from a picture) or noise (from text).

DiTs [Peebles and Xie 2023] over the patches of all three planes (section 4.2 of the paper).
Residuals are float32; the blocks compute in their parameters' type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...nn.cuda_graphs import GraphInputs
from .decoder import LATENT_CHANNELS, LATENT_SIZE, PATCH
from .transformer import (
    Attention,
    CrossAttention,
    Mlp,
    Projection,
    TimeEmbedding,
    modulated_norm,
)
from .triplane import PLANES

PLANE_LATENT_CHANNELS = LATENT_CHANNELS // PLANES
POOLED_CHANNELS = 768  # of CLIP's embedding of a picture
IMAGE_CHANNELS = 1024  # of CLIP's and of DINOv2's tokens
TEXT_CHANNELS = 768  # of CLIP's tokens of a text
NORM_EPS = 1e-5  # of the image denoiser's RMS norms


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes; the defaults are the published ones.

    mlp_bias: whether the MLPs have biases; the published ones have none.
    """

    width: int = 1024
    layers: int = 24
    heads: int = 16
    latent_size: int = LATENT_SIZE
    mlp_bias: bool = False

    @property
    def tokens(self) -> int:
        return PLANES * (self.latent_size // PATCH) ** 2


@dataclass(frozen=True)
class ImageFeatures:
    """Of B pictures. pooled: [B, 768], CLIP's embedding. clip, dino: [B, L, 1024], tokens."""

    pooled: Tensor
    clip: Tensor
    dino: Tensor

    def with_unconditional(self) -> ImageFeatures:
        """[2 B, ...]: these, and zeros in place of them."""
        return ImageFeatures(*(with_zeros(each) for each in (self.pooled, self.clip, self.dino)))


@dataclass(frozen=True)
class Conditioning(GraphInputs):
    """What the blocks see of a batch's conditions, constant over the steps.

    context: [B, L, C], for cross-attention.
    embedding: [B, W], added to the time's. appended: [B, M, W], tokens for self-attention.
    guidance: []; with it, B is 2: the condition and none. See Denoiser.denoise.
    """

    context: Tensor
    embedding: Tensor | None = None
    appended: Tensor | None = None
    guidance: Tensor | None = None


def with_zeros(condition: Tensor) -> Tensor:
    """[2 B, ...]: a condition [B, ...], and zeros, which stand for none."""
    return torch.cat([condition, torch.zeros_like(condition)])


class ImageBlock(nn.Module):
    """Modulated by a projection that all blocks share, plus the block's own table (adaLN-single).

    The picture's DINO tokens take part in self-attention, its CLIP tokens in cross-attention.
    """

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.width
        self.table = nn.Parameter(torch.zeros(6, width))
        self.norm1 = nn.RMSNorm(width, eps=NORM_EPS)
        self.norm2 = nn.RMSNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, config.heads, qk_norm=True)
        self.cross_attn = CrossAttention(width, config.heads, IMAGE_CHANNELS, qk_norm=True)
        self.mlp = Mlp(width, config.mlp_bias)

    def forward(self, x: Tensor, modulation: Tensor, inputs: Conditioning) -> Tensor:
        """x [B, N, W] and the shared modulation [B, 6, W], both float32."""
        assert inputs.appended is not None
        dtype = self.attn.proj.weight.dtype
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (
            (modulation + self.table.float()).unsqueeze(2).unbind(1)
        )
        tokens = (self._norm(self.norm1, x) * (1 + scale_a) + shift_a).to(dtype)
        mixed = self.attn(torch.cat([tokens, inputs.appended], 1))[:, : x.shape[1]]
        x = x + gate_a * mixed
        x = x + self.cross_attn(x.to(dtype), inputs.context)
        return x + gate_m * self.mlp(
            (self._norm(self.norm2, x) * (1 + scale_m) + shift_m).to(dtype)
        )

    @staticmethod
    def _norm(norm: nn.RMSNorm, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], norm.weight.float(), NORM_EPS)


class TextBlock(nn.Module):
    """Modulated by the time (adaLN-Zero); the text's tokens are the cross-attention's context."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.width
        self.attn = Attention(width, config.heads)
        self.cross_attn = CrossAttention(width, config.heads, width)
        self.mlp = Mlp(width, config.mlp_bias)
        self.modulation = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, time: Tensor, inputs: Conditioning) -> Tensor:
        """x [B, N, W] and the SiLU of the time's embedding [B, W], both float32."""
        dtype = self.attn.proj.weight.dtype
        modulation = self.modulation(time.to(dtype)).float().unflatten(-1, (6, 1, -1))
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = modulation.unbind(1)
        x = x + gate_a * self.attn(modulated_norm(x, shift_a, scale_a).to(dtype))
        x = x + self.cross_attn(x.to(dtype), inputs.context)
        return x + gate_m * self.mlp(modulated_norm(x, shift_m, scale_m).to(dtype))


class Denoiser(nn.Module, ABC):
    """What both networks have: patches of the planes, a time, blocks, patches again."""

    blocks: nn.ModuleList

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = nn.Conv2d(PLANE_LATENT_CHANNELS, config.width, PATCH, PATCH)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens, config.width))
        self.time_embed = TimeEmbedding(config.width)
        self.head = nn.Linear(config.width, PATCH**2 * PLANE_LATENT_CHANNELS)

    @property
    def dtype(self) -> torch.dtype:
        """Of the blocks."""
        return next(self.blocks.parameters()).dtype

    def operations(self) -> float:
        """Of one evaluation of one sample, about."""
        return 2.0 * self.config.tokens * sum(each.numel() for each in self.blocks.parameters())

    @abstractmethod
    def forward(self, latent: Tensor, time: Tensor, inputs: Conditioning) -> Tensor:
        """The prediction [B, 12, S, S] at noisy latents [B, 12, S, S] and times [B], float32."""

    def denoise(self, latents: Tensor, time: Tensor, inputs: Conditioning) -> Tensor:
        """The prediction [N, 12, S, S], with classifier-free guidance where `inputs` has it.

        Args:
            latents: [N, 12, S, S], all of the one condition.
            time: [].
            inputs: its batch is [condition, none], or the condition alone.
        """
        count, guidance = len(latents), inputs.guidance
        batch = replace(inputs, guidance=None).map(lambda each: each.repeat_interleave(count, 0))
        noisy = latents.repeat(len(inputs.context), 1, 1, 1)
        predicted = self(noisy, time.expand(len(noisy)), batch)
        if guidance is None:
            return predicted
        conditional, unconditional = predicted.chunk(2)
        return unconditional + guidance * (conditional - unconditional)

    def tokens(self, latent: Tensor) -> Tensor:
        """[B, 12, S, S] to [B, N, W], ordered by plane, row and column."""
        planes = latent.unflatten(1, (-1, PLANES)).transpose(1, 2)  # [B, 3, 4, S, S]
        patches = self.patch_embed(planes.flatten(0, 1)).flatten(2).transpose(1, 2)
        return patches.unflatten(0, (-1, PLANES)).flatten(1, 2) + self.pos_embed

    def latent(self, tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """The last tokens [B, N, W], modulated, as a latent [B, 12, S, S]."""
        grid = self.config.latent_size // PATCH
        patches = self.head(modulated_norm(tokens, shift, scale))
        split = patches.unflatten(1, (PLANES, grid, grid)).unflatten(-1, (PATCH, PATCH, -1))
        planes = split.permute(0, 6, 1, 2, 4, 3, 5)  # [B, 4, 3, h, p, w, q]
        return planes.flatten(5).flatten(3, 4).flatten(1, 2)


class ImageDenoiser(Denoiser):
    """From a picture; predicts the velocity. Times are 0 (noise) to 1."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__(config)
        self.modulation = nn.Linear(config.width, 6 * config.width)
        self.pooled_norm = nn.LayerNorm(POOLED_CHANNELS)
        self.pooled_proj = nn.Linear(POOLED_CHANNELS, config.width)
        self.dino_proj = Projection(IMAGE_CHANNELS, config.width)
        self.clip_norm = nn.RMSNorm(IMAGE_CHANNELS, eps=NORM_EPS)
        self.blocks = nn.ModuleList(ImageBlock(config) for _ in range(config.layers))
        self.head_table = nn.Parameter(torch.zeros(2, config.width))

    def condition(self, features: ImageFeatures) -> Conditioning:
        return Conditioning(
            self.clip_norm(features.clip).to(self.dtype),
            self.pooled_proj(self.pooled_norm(features.pooled)),
            self.dino_proj(features.dino).to(self.dtype),
        )

    def forward(self, latent: Tensor, time: Tensor, inputs: Conditioning) -> Tensor:
        assert inputs.embedding is not None
        embedded = self.time_embed(time) + inputs.embedding
        modulation = self.modulation(F.silu(embedded)).unflatten(-1, (6, -1))
        x = self.tokens(latent)
        for block in self.blocks:
            x = block(x, modulation, inputs)
        shift, scale = (self.head_table + embedded[:, None]).unsqueeze(2).unbind(1)
        return self.latent(x, shift, scale)


class TextDenoiser(Denoiser):
    """From text; predicts the noise. Times are whole numbers, 0 to 999 (noise)."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__(config)
        self.text_proj = Projection(TEXT_CHANNELS, config.width)
        self.blocks = nn.ModuleList(TextBlock(config) for _ in range(config.layers))
        self.head_modulation = nn.Linear(config.width, 2 * config.width)

    def condition(self, tokens: Tensor) -> Conditioning:
        """tokens: [B, L, 768], CLIP's last hidden states."""
        return Conditioning(self.text_proj(tokens).to(self.dtype))

    def forward(self, latent: Tensor, time: Tensor, inputs: Conditioning) -> Tensor:
        embedded = F.silu(self.time_embed(time))
        x = self.tokens(latent)
        for block in self.blocks:
            x = block(x, embedded, inputs)
        shift, scale = self.head_modulation(embedded).unflatten(-1, (2, 1, -1)).unbind(1)
        return self.latent(x, shift, scale)
