"""ElevEst: the camera elevation of a picture.

DINOv2 with registers (Darcet et al. 2023); from its class token one head classifies the elevation
into bins and one regresses the offset inside the bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.dinov2_with_registers.configuration_dinov2_with_registers import (
    Dinov2WithRegistersConfig,
)
from transformers.models.dinov2_with_registers.modeling_dinov2_with_registers import (
    Dinov2WithRegistersModel,
)

INPUT_SIZE = 224
PIXEL_MEAN, PIXEL_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's


@dataclass(frozen=True)
class ElevEstConfig:
    """Sizes of the network; the defaults are the published one's."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    bins: int = 25
    bin_degrees: float = 2.0
    patch: int = 14
    trained_size: int = 518
    registers: int = 4


@dataclass(frozen=True)
class Estimate:
    """Of B pictures.

    internal: [B] degrees in the network's sign, positive for below.
    """

    features: Tensor  # [B, D]
    logits: Tensor  # [B, bins]
    internal: Tensor

    @property
    def elevation(self) -> Tensor:
        """[B] degrees, positive for above."""
        return -self.internal


class ElevEst(nn.Module):
    """Parameters are named as in the checkpoint, except the backbone's: see checkpoint.py."""

    lower_bounds: Tensor

    def __init__(self, config: ElevEstConfig) -> None:
        super().__init__()
        self._config = config
        self.backbone = Dinov2WithRegistersModel(
            Dinov2WithRegistersConfig(
                hidden_size=config.width,
                num_hidden_layers=config.depth,
                num_attention_heads=config.heads,
                image_size=config.trained_size,
                patch_size=config.patch,
                num_register_tokens=config.registers,
            )
        )
        self.cls_head = _head(config.width, config.bins)
        self.offset_head = _head(config.width, 1)
        self.register_buffer("lower_bounds", torch.empty(config.bins))

    def forward(self, pictures: Tensor) -> Estimate:
        """pictures [B, 3, H, W], 0..1, the object on white."""
        resized = F.interpolate(
            pictures, (INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False, antialias=True
        )
        mean, std = (resized.new_tensor(v)[:, None, None] for v in (PIXEL_MEAN, PIXEL_STD))
        features = self.backbone((resized - mean) / std).last_hidden_state[:, 0]
        logits = self.cls_head(features)
        offset = self.offset_head(features)[:, 0].clamp(0, self._config.bin_degrees)
        return Estimate(features, logits, self.lower_bounds[logits.argmax(-1)] + offset)


def _head(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, outputs))
