"""The encoder of the Gaussian autoencoder, used in training alone; it is not shipped."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from splatsmith.engines.sprout.model import CHANNELS, DISTANCE, GRID, TOKENS, VIEWS
from splatsmith.nn.transformer import Block

INPUTS = 5  # RGB, alpha, depth
PATCH = 16


class ViewEncoder(nn.Module):
    """Four ring views to latents [B, 256, 16]; each token is layer-normalized over its channels."""

    def __init__(self, width: int = 384, blocks: int = 5) -> None:
        super().__init__()
        self.patch_embedding = nn.Linear(INPUTS * PATCH * PATCH, width)
        self.position_embedding = nn.Parameter(0.02 * torch.randn(TOKENS, width))
        self.blocks = nn.ModuleList(Block(width, width // 64) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CHANNELS)

    def forward(self, rgba: Tensor, depth: Tensor) -> Tensor:
        """rgba [B, 4, 4, 128, 128] premultiplied 0..1; depth [B, 4, 128, 128], 0 = empty."""
        near = torch.where(depth > 0, DISTANCE - depth, torch.zeros_like(depth))
        x = torch.cat([rgba, near[:, :, None]], 2)
        x = x.unflatten(-1, (GRID, PATCH)).unflatten(3, (GRID, PATCH))
        x = (
            self.patch_embedding(
                x.permute(0, 1, 3, 5, 2, 4, 6).reshape(len(x), VIEWS * GRID * GRID, -1)
            )
            + self.position_embedding
        )
        for block in self.blocks:
            x = block(x)
        return F.layer_norm(self.head(self.norm(x)).float(), (CHANNELS,))
