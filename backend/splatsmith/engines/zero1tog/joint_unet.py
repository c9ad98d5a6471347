"""Stable Diffusion 2's U-Net for several attributes: joint attention, and an embedding of each.

A batch [B A, ...] holds A attributes of each of B objects; an object's are adjacent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from ...nn.attention import attend
from ...nn.diffusers_config import Config, from_config

LABELS = 5  # attributes that have a label
LABEL_CHANNELS = 2 * LABELS
EMBEDDING_FACTOR = 10
PARTS = 8  # of the positions, with attention by parts


class JointAttention(StrEnum):
    """What attends to what across attributes."""

    ALL = "all"  # every position to every one
    PARTS = "parts"  # within an eighth of the positions


@dataclass(frozen=True)
class JointConfig:
    """attributes: A. concatenated: the attribute's embedding is concatenated to that of the time,
    not added.
    """

    attributes: int
    attention: JointAttention = JointAttention.ALL
    concatenated: bool = True


@dataclass
class References:
    """Inputs of self-attention, block by block: recorded by one evaluation of the U-Net, and
    attended to by the next one.
    """

    is_recording: bool = True
    tokens: deque[Tensor] = field(default_factory=deque[Tensor])

    def context(self, own: Tensor) -> Tensor:
        """What a block's tokens [B A, N, D] attend to."""
        if self.is_recording:
            self.tokens.append(own)
            return own
        return torch.cat([own, self.tokens.popleft()], 1)


class AttentionLayer(nn.Module):
    """Multi-head attention of tokens [B, N, D] to a context [B, M, C], named as in diffusers."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        heads = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (q, k, v))
        return self.to_out[0](attend(*heads).transpose(1, 2).flatten(2))


class JointTransformerBlock(nn.Module):
    """diffusers' block, with joint attention between those to itself and to the text."""

    def __init__(self, block: BasicTransformerBlock, config: JointConfig) -> None:
        super().__init__()
        width, heads = block.dim, block.num_attention_heads
        self.norm1, self.attn1 = nn.LayerNorm(width), AttentionLayer(width, width, heads)
        self.norm_joint_mid = nn.LayerNorm(width)
        self.attn_joint_mid = AttentionLayer(width, width, heads)
        text_width = block.cross_attention_dim or width
        self.norm2, self.attn2 = nn.LayerNorm(width), AttentionLayer(width, text_width, heads)
        self.norm3, self.ff = nn.LayerNorm(width), block.ff
        self._config = config
        for parameter in self.attn_joint_mid.to_out.parameters():
            nn.init.zeros_(parameter)  # without effect before training

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        cross_attention_kwargs: dict[str, References],
        **_unused: object,
    ) -> Tensor:
        x = hidden_states
        own = self.norm1(x)
        x = x + self.attn1(own, cross_attention_kwargs["references"].context(own))
        x = x + self._across_attributes(self.norm_joint_mid(x))
        x = x + self.attn2(self.norm2(x), encoder_hidden_states)
        return x + self.ff(self.norm3(x))

    def _across_attributes(self, x: Tensor) -> Tensor:
        """[B A, N, D] by way of [B, A N, D], or of [B P, A N / P, D]."""
        parts = PARTS if self._config.attention is JointAttention.PARTS else 1
        split = x.unflatten(1, (parts, -1)).unflatten(0, (-1, self._config.attributes))
        joint = split.transpose(1, 2).flatten(0, 1).flatten(1, 2)
        mixed = self.attn_joint_mid(joint, joint)
        back = mixed.unflatten(1, (self._config.attributes, -1)).unflatten(0, (-1, parts))
        return back.transpose(1, 2).flatten(0, 1).flatten(1, 2)


class AttributeEmbedding(TimestepEmbedding):
    """Of the attributes' labels."""

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return EMBEDDING_FACTOR * super().forward(sample, condition)


class JointUNet(nn.Module):
    """`network` has the published names and shapes."""

    def __init__(self, config: Config, joint: JointConfig) -> None:
        super().__init__()
        self.network = from_config(
            UNet2DConditionModel,
            config,
            class_embed_type="projection",
            projection_class_embeddings_input_dim=LABEL_CHANNELS,
            class_embeddings_concat=joint.concatenated,
        )
        embedding = self.network.time_embedding
        width = embedding.linear_2.out_features
        self.network.class_embedding = AttributeEmbedding(LABEL_CHANNELS, width)
        self.joint = joint
        for module in self.network.modules():
            if isinstance(module, Transformer2DModel):
                module.transformer_blocks = nn.ModuleList(
                    JointTransformerBlock(block, joint)
                    for block in module.transformer_blocks
                    if isinstance(block, BasicTransformerBlock)
                )

    def forward(
        self, latents: Tensor, time: Tensor, text: Tensor, labels: Tensor, references: References
    ) -> Tensor:
        """Predict v [B A, 4, h, w].

        Args:
            latents: [B A, 4, h, w].
            time: [], diffusion timestep, on the latents' device.
            text: [B A, L, D].
            labels: [B A, 10], see `attribute_labels`.
        """
        return self.network(
            latents,
            time,
            text,
            class_labels=labels,
            cross_attention_kwargs={"references": references},
            return_dict=False,
        )[0]


def attribute_labels(attributes: int) -> Tensor:
    """[A, 10]: sines and cosines of one-hot vectors."""
    one_hot = torch.eye(LABELS)[:attributes]
    return torch.cat([one_hot.sin(), one_hot.cos()], 1)
