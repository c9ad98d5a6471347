"""Transformer layers that the denoisers and the decoder share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ...nn.attention import attend

EPS = 1e-6  # of the layer norms, which have no parameters
QK_EPS = 1e-5


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
