"""The denoiser: noisy views to the parameters of Gaussians (section 3.1 of the paper).

A DiT [Peebles and Xie 2023] over the patches of all views and a few global tokens. Patches have no
positional embedding: the rays say where they are, so the views' order is free.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...nn.attention import attend
from ...nn.cuda_graphs import GraphInputs
from .card import VIEWS, Subject

IMAGE_CHANNELS, RAY_CHANNELS = 3, 6
GAUSSIAN_CHANNELS = 14  # position 3, colour 3, scale 3, rotation 4, opacity 1
TIME_FREQUENCIES = 128
MAX_PERIOD = 10_000.0
BLOCK_EPS = 1e-6  # of the blocks' layer norms; those of the heads have torch's own


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the network; the defaults are the published ones.

    subject: the scene network's global tokens have one more dimension.
    """

    subject: Subject = Subject.OBJECT
    width: int = 1024
    layers: int = 24
    head_width: int = 64
    patch: int = 8
    global_gaussians: int = 2

    def operations(self, size: int) -> float:
        """Of one evaluation with views of `size` pixels, in the blocks."""
        tokens = VIEWS * (size // self.patch) ** 2 + self.global_gaussians
        return self.layers * (24 * tokens * self.width**2 + 4 * tokens**2 * self.width)


@dataclass(frozen=True)
class DenoiserInputs(GraphInputs):
    """The conditioning of V views, constant over the steps.

    clean: [K, 3, H, W] the given views, 0..1. They come first, the V - K noisy ones follow.
    rays: [V, 6, H, W], see Rays.features.
    """

    clean: Tensor
    rays: Tensor


class Attention(nn.Module):
    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.heads = width // head_width
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(attend(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Hidden activations of at most `chunk` tokens at a time, where that is set."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.chunk: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        parts = (x,) if self.chunk is None else x.split(self.chunk, 1)
        outputs = [self.fc2(F.gelu(self.fc1(part), approximate="tanh")) for part in parts]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)


class Block(nn.Module):
    """A transformer block with adaLN-Zero."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.attn = Attention(width, head_width)
        self.mlp = Mlp(width)
        self.modulation = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [B, N, W] and SiLU of the time embedding [B, W]."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(time).chunk(6, -1)
        x = add_gated(x, gate_a, self.attn(modulated_norm(x, None, shift_a, scale_a, BLOCK_EPS)))
        return add_gated(x, gate_m, self.mlp(modulated_norm(x, None, shift_m, scale_m, BLOCK_EPS)))


class Head(nn.Module):
    """Modulated layer norm and projection."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, bias=False)
        self.linear = nn.Linear(width, channels, bias=False)
        self.modulation = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        shift, scale = self.modulation(time).chunk(2, -1)
        return self.linear(modulated_norm(x, self.norm.weight, shift, scale, self.norm.eps))


class TimeEmbedding(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2 * TIME_FREQUENCIES, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """[B, W] of training times [B], 0..999."""
        exponents = torch.arange(TIME_FREQUENCIES, device=time.device) / TIME_FREQUENCIES
        angles = time[:, None].float() * MAX_PERIOD**-exponents
        embedded = torch.cat([angles.cos(), angles.sin()], -1)
        return self.fc2(F.silu(self.fc1(embedded)))


class Denoiser(nn.Module):
    """The network. Its blocks may be in half precision; what enters and leaves them is float32."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width, patch = config.width, config.patch
        channels = IMAGE_CHANNELS + RAY_CHANNELS
        tokens = torch.zeros(config.global_gaussians, width)
        self.global_tokens = nn.Parameter(
            tokens[None] if config.subject is Subject.SCENE else tokens
        )
        self.patch_embed = nn.Linear(channels * patch**2, width, bias=False)
        self.input_norm = nn.LayerNorm(width, bias=False)
        self.time_embed = TimeEmbedding(width)
        self.blocks = nn.ModuleList(Block(width, config.head_width) for _ in range(config.layers))
        self.global_head = Head(width, GAUSSIAN_CHANNELS)
        self.pixel_head = Head(width, GAUSSIAN_CHANNELS * patch**2)

    @property
    def dtype(self) -> torch.dtype:
        """Of the blocks."""
        return next(self.blocks.parameters()).dtype

    def set_chunk(self, tokens: int | None) -> None:
        """Bound the MLPs' memory: see Mlp."""
        for module in self.modules():
            if isinstance(module, Mlp):
                module.chunk = tokens

    def forward(self, images: Tensor, rays: Tensor, time: Tensor) -> Tensor:
        """Raw parameters [B, G + V H W, 14] of G global and V H W pixel Gaussians, float32.

        Pixels are ordered by view, row and column of patches, row and column within the patch.

        Args:
            images: [B, V, 3, H, W], 0..1 where they are clean.
            rays: [B, V, 6, H, W].
            time: [B] training times, 0..999.
        """
        pixels = torch.cat([2 * images - 1, rays], 2)
        patches = self.patch_embed(to_patches(pixels, self.config.patch))
        tokens = self.global_tokens.expand(len(images), -1, -1)
        x = self.input_norm(torch.cat([tokens, patches], 1)).to(self.dtype)
        embedded = F.silu(self.time_embed(time))
        for block in self.blocks:
            x = block(x, embedded.to(self.dtype))
        split = self.config.global_gaussians
        of_globals = self.global_head(x[:, :split].float(), embedded)
        of_pixels = self.pixel_head(x[:, split:].float(), embedded)
        of_pixels = of_pixels.unflatten(-1, (-1, GAUSSIAN_CHANNELS)).flatten(1, 2)
        return torch.cat([of_globals, of_pixels], 1)

    def denoise(self, noisy: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        """Raw parameters [1, G + V H W, 14] of noisy views [V - K, 3, H, W] at time []."""
        images = torch.cat([inputs.clean, noisy])
        return self(images[None], inputs.rays[None], time[None])


def to_patches(pixels: Tensor, patch: int) -> Tensor:
    """[B, V, C, H, W] to [B, V H/P W/P, P P C]: rows, columns and channels of each patch."""
    split = pixels.unflatten(-1, (-1, patch)).unflatten(-3, (-1, patch))  # B V C h P w P
    return split.permute(0, 1, 3, 5, 4, 6, 2).flatten(4).flatten(1, 3)


def modulated_norm(
    x: Tensor, weight: Tensor | None, shift: Tensor, scale: Tensor, eps: float
) -> Tensor:
    """Layer norm of x [B, N, W] with `weight` [W], times 1 + scale, plus shift [B, W].

    For a single sample that is one operation.
    """
    gain = 1 + scale if weight is None else weight * (1 + scale)
    if len(x) == 1:
        return F.layer_norm(x, x.shape[-1:], gain[0], shift[0], eps)
    return torch.addcmul(shift[:, None], F.layer_norm(x, x.shape[-1:], eps=eps), gain[:, None])


def add_gated(x: Tensor, gate: Tensor, update: Tensor) -> Tensor:
    """x [B, N, W] plus gate [B, W] times update [B, N, W]."""
    return torch.addcmul(x, gate[:, None], update)
