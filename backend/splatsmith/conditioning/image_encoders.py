"""Picture encoders: CLIP (Radford et al. 2021) and DINOv2 with registers (Darcet et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPVisionModelWithProjection
from transformers.models.dinov2_with_registers.modeling_dinov2_with_registers import (
    Dinov2WithRegistersModel,
)

from .pretrained import EncoderFiles, load_pretrained


class ClipImageEncoder(nn.Module):
    """The projected embedding, and the patches' tokens."""

    def __init__(self, files: EncoderFiles, dtype: torch.dtype) -> None:
        """Load from `files`.

        Raises:
            WeightsDamaged: they are of another network.
        """
        super().__init__()
        self.network = load_pretrained(
            CLIPVisionModelWithProjection, files, dtype, "picture encoder"
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Normalized pictures [B, 3, H, W] to an embedding [B, P], and tokens [B, L, D] after the
        last norm, which transformers applies to the class token alone.
        """
        output = self.network(pictures)
        patches = output.last_hidden_state[:, 1:]
        return output.image_embeds, self.network.vision_model.post_layernorm(patches)


class DinoEncoder(nn.Module):
    """The patches' tokens."""

    def __init__(self, files: EncoderFiles, dtype: torch.dtype) -> None:
        """Load from `files`.

        Raises:
            WeightsDamaged: they are of another network.
        """
        super().__init__()
        self.network = load_pretrained(Dinov2WithRegistersModel, files, dtype, "picture encoder")
        self._others = 1 + self.network.config.num_register_tokens  # the class token comes first

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalized pictures [B, 3, H, W] to tokens [B, L, D] after the last norm."""
        return self.network(pictures).last_hidden_state[:, self._others :]
