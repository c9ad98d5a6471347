"""Sizes of the published networks."""

from __future__ import annotations

import torch

from splatsmith.engines.diffsplat.elevest import ElevEstConfig
from tests.backend.diffsplat.tiny_checkpoints import PIXART, SD3, UNET, Config, Sizes


def _clip(width: int, layers: int, heads: int) -> Config:
    return {
        "vocab_size": 49408,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "projection_dim": width,
    }


T5_XXL = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}
FULL = Sizes(
    denoisers={
        "unet": {
            **UNET,
            "sample_size": 32,
            "block_out_channels": [320, 640, 1280, 1280],
            "layers_per_block": 2,
            "cross_attention_dim": 768,
            "attention_head_dim": 8,
            "norm_num_groups": 32,
        },
        "pixart": {
            **PIXART,
            "sample_size": 32,
            "num_attention_heads": 16,
            "attention_head_dim": 72,
            "num_layers": 28,
            "cross_attention_dim": 1152,
            "caption_channels": 4096,
        },
        "sd3": {
            **SD3,
            "sample_size": 32,
            "num_layers": 24,
            "attention_head_dim": 64,
            "num_attention_heads": 24,
            "caption_projection_dim": 1536,
            "pooled_projection_dim": 2048,
            "pos_embed_max_size": 384,
            "dual_attention_layers": list(range(13)),
        },
    },
    clip={"text_encoder": _clip(768, 12, 12), "text_encoder_2": _clip(1280, 32, 20)},
    t5={"pixart": T5_XXL, "sd3": T5_XXL},
    embedding=(16, 32, 96, 256),
    gsvae=(128, 256, 512, 512),
    image_vae=(128, 256, 512, 512),
    layers=2,
    image_vae_groups=32,
    elevest=ElevEstConfig(),
    device="cuda",
    text_dtype=torch.bfloat16,
)
