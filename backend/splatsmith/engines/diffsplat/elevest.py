"""ElevEst: from how far above the object its picture was taken.

DINOv2 with registers (Darcet et al. 2023), and on its class token one head that picks a bin of
elevations and one that places the answer inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
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

INPUT = 224  # pixels along the network's picture
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's


@dataclass(frozen=True)
class Shape:
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
    """Of B pictures. The network's own sign is positive for below."""

    features: Tensor  # [B, D]
    logits: Tensor  # [B, bins]
    internal: Tensor  # [B] degrees

    @property
    def elevation(self) -> Tensor:
        """[B] degrees, positive for above."""
        return -self.internal


class ElevEst(nn.Module):
    """Parameters are named as in the checkpoint, but for the backbone: see `own_names`."""

    lower_bounds: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self.backbone = Dinov2WithRegistersModel(
            Dinov2WithRegistersConfig(
                hidden_size=shape.width,
                num_hidden_layers=shape.depth,
                num_attention_heads=shape.heads,
                image_size=shape.trained_size,
                patch_size=shape.patch,
                num_register_tokens=shape.registers,
            )
        )
        self.cls_head = _head(shape.width, shape.bins)
        self.offset_head = _head(shape.width, 1)
        self.register_buffer("lower_bounds", torch.empty(shape.bins))

    def forward(self, pictures: Tensor) -> Estimate:
        """pictures [B, 3, H, W], 0..1, the object on white."""
        small = F.interpolate(
            pictures, (INPUT, INPUT), mode="bilinear", align_corners=False, antialias=True
        )
        mean, deviation = (small.new_tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
        features = self.backbone((small - mean) / deviation).last_hidden_state[:, 0]
        logits = self.cls_head(features)
        offset = self.offset_head(features)[:, 0].clamp(0, self._shape.bin_degrees)
        return Estimate(features, logits, self.lower_bounds[logits.argmax(-1)] + offset)


def own_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The checkpoint's parameters, with the backbone's named as the stock class does."""
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if ".attn.qkv." in name:
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                named[_own_name(name.replace("attn.qkv", f"attention.{part}_proj"))] = piece
        else:
            named[_own_name(name)] = tensor
    return named


def _head(width: int, answers: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, answers))


_RENAMED = {
    "backbone.patch_embed.proj.": "backbone.embeddings.patch_embeddings.projection.",
    "backbone.cls_token": "backbone.embeddings.cls_token",
    "backbone.mask_token": "backbone.embeddings.mask_token",
    "backbone.register_tokens": "backbone.embeddings.register_tokens",
    "backbone.pos_embed": "backbone.embeddings.position_embeddings",
    "backbone.norm.": "backbone.layernorm.",
    "backbone.blocks.": "backbone.encoder.layer.",
    ".attn.proj.": ".attention.o_proj.",
    ".ls1.gamma": ".layer_scale1.lambda1",
    ".ls2.gamma": ".layer_scale2.lambda1",
}


def _own_name(name: str) -> str:
    for foreign, own in _RENAMED.items():
        name = name.replace(foreign, own)
    return name
