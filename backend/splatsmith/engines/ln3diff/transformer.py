"""Transformer layers that the denoisers and the decoder share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...nn.attention import attend

EPS = 1e-6  # of the layer norms, which have no parameters
QK_EPS = 1e-5
HEAD_WIDTH = 64  # of cross-attention, and of self-attention in the published networks
TIME_FREQUENCIES = 128
MAX_PERIOD = 10_000.0


class Attention(nn.Module):
    """Self-attention, on request with queries and keys RMS-normalized per head."""

    def __init__(self, width: int, heads: int, qk_norm: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.q_norm = nn.RMSNorm(width // heads, eps=QK_EPS) if qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(width // heads, eps=QK_EPS) if qk_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x [B, N, W]."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = attend(self.q_norm(q), self.k_norm(k), v)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Linear, exact GELU, linear; the published networks have no biases here."""

    def __init__(self, width: int, bias: bool = False) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width, bias=bias)
        self.fc2 = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


def modulated_norm(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm without parameters, times 1 + scale, plus shift; both broadcast over x."""
    return F.layer_norm(x, x.shape[-1:], eps=EPS) * (1 + scale) + shift


class CrossAttention(nn.Module):
    """Attention of x to a context, in heads that are always HEAD_WIDTH wide."""

    def __init__(self, width: int, heads: int, context_width: int, qk_norm: bool = False) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * HEAD_WIDTH
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(context_width, inner, bias=False)
        self.to_v = nn.Linear(context_width, inner, bias=False)
        self.q_norm = nn.RMSNorm(HEAD_WIDTH, eps=QK_EPS) if qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(HEAD_WIDTH, eps=QK_EPS) if qk_norm else nn.Identity()
        self.out = nn.Linear(inner, width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x [B, N, W], context [B, L, C]."""
        q, k, v = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        mixed = attend(self.q_norm(q), self.k_norm(k), v)
        return self.out(mixed.transpose(1, 2).flatten(2))


class TimeEmbedding(nn.Module):
    """Cosines and sines of a time, through an MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2 * TIME_FREQUENCIES, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """time [B] to [B, W], float32."""
        octaves = torch.arange(TIME_FREQUENCIES, dtype=torch.float32, device=time.device)
        frequencies = (-math.log(MAX_PERIOD) / TIME_FREQUENCIES * octaves).exp()
        angles = time[:, None].float() * frequencies
        return self.fc2(F.silu(self.fc1(torch.cat([angles.cos(), angles.sin()], -1))))


class Projection(nn.Module):
    """Linear, approximate GELU, linear: conditioning tokens to the network's width."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens), approximate="tanh"))
