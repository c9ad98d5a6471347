"""DiffSplat's GSRecon: four views with normals and coordinates to splat images, in one evaluation.

It made DiffSplat's training data. A transformer over the patches of all views, without position
embeddings: the Plücker rays among the inputs give the positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from splatsmith.engines.diffsplat.cameras import plucker_rays

CHANNELS = 9 + 6  # rgb, normals, coordinates; rays
HEADS = {"depth": 1, "rgb": 3, "scale": 3, "rotation": 4, "opacity": 1}


@dataclass(frozen=True)
class GSReconConfig:
    """Sizes of the network; the defaults are the published one's."""

    dim: int = 512
    num_blocks: int = 12
    num_heads: int = 8
    patch_size: int = 8


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.q_norm, self.k_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self._heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for part in (self.q_norm(self.wq(x)), self.k_norm(self.wk(x)), self.wv(x))
        )
        return self.wo(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _SwiGLU(nn.Module):
    """Shazeer 2020."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w1, self.w3 = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(dim, eps=1e-5), nn.RMSNorm(dim, eps=1e-5)
        self.attn = _Attention(dim, heads)
        self.mlp = _SwiGLU(dim, _hidden_width(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _Transformer(nn.Module):
    def __init__(self, config: GSReconConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(config.dim, config.num_heads) for _ in range(config.num_blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class GSRecon(nn.Module):
    """Parameters are named as in the checkpoint."""

    def __init__(self, config: GSReconConfig) -> None:
        super().__init__()
        self._patch = config.patch_size
        area = config.patch_size**2
        self.x_embedder = nn.Linear(CHANNELS * area, config.dim)
        self.transformer = _Transformer(config)
        self.ln_out = nn.LayerNorm(config.dim)
        for name, channels in HEADS.items():
            self.add_module(f"out_{name}", nn.Linear(config.dim, channels * area, bias=False))

    def forward(self, images: Tensor, c2w: Tensor, fxfycxcy: Tensor) -> dict[str, Tensor]:
        """Splat images by name, [B, V, c, H, W] in -1..1.

        Args:
            images: [B, V, 9, H, W] in 0..1: rgb, normals, coordinates.
            c2w, fxfycxcy: [B, V, 4, 4] and [B, V, 4], see the engine's cameras.
        """
        batch, views, _, height, width = images.shape
        rays = plucker_rays(c2w.flatten(0, 1), fxfycxcy.flatten(0, 1), height, width)
        pixels = torch.cat([images.flatten(0, 1) * 2 - 1, rays], 1)
        tokens = self.x_embedder(self._patches(pixels)).unflatten(0, (batch, views)).flatten(1, 2)
        tokens = self.ln_out(self.transformer(tokens)).unflatten(1, (views, -1))
        grid = (height // self._patch, width // self._patch)
        return {name: self._image(name, tokens, grid) for name in HEADS}

    def _patches(self, pixels: Tensor) -> Tensor:
        """[V, C, H, W] to [V, N, p p C]."""
        tiles = pixels.unfold(2, self._patch, self._patch).unfold(3, self._patch, self._patch)
        return tiles.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)

    def _image(self, name: str, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Tokens [B, V, N, D] to an image [B, V, c, H, W]."""
        p = self._patch
        raw = self.get_submodule(f"out_{name}")(tokens)
        raw = raw.unflatten(-1, (p, p, HEADS[name])).unflatten(2, grid)
        image = raw.permute(0, 1, 6, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)
        if name == "rotation":
            return F.normalize(image, dim=2)
        return 2 * torch.sigmoid(image - 2 if name == "opacity" else image) - 1


def _hidden_width(dim: int) -> int:
    """Two thirds of four times the width, rounded up to a multiple of 256 (LLaMA)."""
    return 256 * -(-(8 * dim // 3) // 256)
