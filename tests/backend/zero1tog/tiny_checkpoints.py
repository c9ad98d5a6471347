"""Small random weights of everything that Zero-1-to-G needs, on disk as published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.zero1tog.joint_unet import JointConfig, JointUNet
from splatsmith.engines.zero1tog.published_checkpoints import (
    ADDED,
    CONCATENATED,
    VIDEO_DECODER,
    ZERO123PLUS,
)
from splatsmith.nn.diffusers_config import from_config
from splatsmith.progress import silent
from splatsmith.weights.hashing import hash_file
from splatsmith.weights.path_patterns import matching
from splatsmith.weights.records import CheckpointRecord, RecordedFile, write_record
from tests.backend.diffsplat.tiny_tokenizers import write_clip_tokenizer

TEXT_WIDTH = 24
TEXT_TOKENS = 77
VAE_WIDTHS = (32, 32, 32, 32)
UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [64, 64],
    "layers_per_block": 1,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "cross_attention_dim": TEXT_WIDTH,
    "attention_head_dim": [1, 1],
    "use_linear_projection": True,
}
VAE = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * len(VAE_WIDTHS),
    "up_block_types": ["UpDecoderBlock2D"] * len(VAE_WIDTHS),
    "block_out_channels": VAE_WIDTHS,
    "layers_per_block": 1,
    "latent_channels": 4,
}
SCHEDULER = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
}
# As CLIP's and Zero123++'s, at smaller sizes.
CLIP_PICTURES = {
    "size": {"shortest_edge": 32},
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
}
VAE_PICTURES = {"size": {"shortest_edge": 64}, "image_mean": [0.5] * 3, "image_std": [0.8] * 3}


def trained_tensors(joint: JointConfig, decoder: str = "") -> dict[str, Tensor]:
    """By published names; with an "image" or "video" decoder, or none."""
    torch.manual_seed(1)
    tensors = _named("unet.unet.", without_zeros(JointUNet(UNET, joint).network))
    if decoder == "image":
        tensors |= _named("vae.", _decoding_half(from_config(AutoencoderKL, VAE)))
    if decoder == "video":
        tensors |= _named("vae.decoder.", _video_decoder())
    return tensors


def without_zeros(network: nn.Module) -> nn.Module:
    """Zeros replaced, with which some inputs would have no effect."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    return network


def install_trained(
    checkpoint: Checkpoint, folder: Path, tensors: Mapping[str, Tensor], attributes: str = ""
) -> None:
    """The user's file, as if imported. It says that it was trained at 16 pixels a view, and with
    how many attributes, by default the checkpoint's.
    """
    own = folder / checkpoint.id
    own.mkdir(parents=True, exist_ok=True)
    metadata = {"view_size": "16", "attributes": attributes or checkpoint.id[-1]}
    save_file(dict(tensors), own / "model.safetensors", metadata)
    install(checkpoint, own)


def install_all(folder: Path) -> None:
    for checkpoints, concatenated in ((CONCATENATED, True), (ADDED, False)):
        for checkpoint in checkpoints:
            joint = JointConfig(int(checkpoint.id[-1]), concatenated=concatenated)
            install_trained(checkpoint, folder, trained_tensors(joint, "image"))
    write_base(folder / "base")
    install(ZERO123PLUS, folder / "base")
    _save(_named("decoder.", _video_decoder()), folder / "video/vae")
    _write_json(folder / "video/vae/config.json", {})
    install(VIDEO_DECODER, folder / "video")


def write_base(folder: Path) -> None:
    """Zero123++'s parts."""
    torch.manual_seed(2)
    vocabulary = write_clip_tokenizer(folder / "tokenizer")
    sizes: dict[str, Any] = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1}
    heads: dict[str, Any] = {"num_attention_heads": 2, "projection_dim": TEXT_WIDTH}
    text = CLIPTextConfig(**{"vocab_size": vocabulary, **sizes, **ends, **heads})
    vision = CLIPVisionConfig(**{"image_size": 32, "patch_size": 8, **sizes, **heads})
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    CLIPVisionModelWithProjection(vision).save_pretrained(folder / "vision_encoder")
    _save(from_config(AutoencoderKL, VAE).state_dict(), folder / "vae")
    _write_json(folder / "vae/config.json", VAE)
    _write_json(folder / "scheduler/scheduler_config.json", SCHEDULER)
    _write_json(folder / "feature_extractor_clip/preprocessor_config.json", CLIP_PICTURES)
    _write_json(folder / "feature_extractor_vae/preprocessor_config.json", VAE_PICTURES)
    ramp = torch.linspace(0, 1, TEXT_TOKENS).tolist()
    _write_json(folder / "model_index.json", {"ramping_coefficients": ramp})


def install(checkpoint: Checkpoint, folder: Path) -> None:
    """Record the files in `folder` as the checkpoint's."""
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    matched = sorted({path for file in checkpoint.files for path in matching(paths, file)})
    files = tuple(
        RecordedFile(path, (folder / path).stat().st_size, hash_file(folder / path, silent()))
        for path in matched
    )
    write_record(
        CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), files, True)
    )


def _video_decoder() -> nn.Module:
    sizes = {"in_channels": 4, "block_out_channels": VAE_WIDTHS, "layers_per_block": 1}
    return without_zeros(from_config(TemporalDecoder, sizes))


def _decoding_half(autoencoder: AutoencoderKL) -> nn.Module:
    half = nn.Module()
    assert autoencoder.post_quant_conv is not None
    half.decoder, half.post_quant_conv = autoencoder.decoder, autoencoder.post_quant_conv
    return half


def _named(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}{name}": each for name, each in network.state_dict().items()}


def _save(tensors: Mapping[str, Tensor], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / "diffusion_pytorch_model.safetensors")


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
