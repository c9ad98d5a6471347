"""Random checkpoints of everything that DiffSplat needs, in their repositories' layout; small
unless other sizes are given.

    python -m tests.backend.diffsplat.tiny_checkpoints FOLDER

writes one folder for each repository.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderTiny
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
)

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.diffsplat import published_checkpoints as published
from splatsmith.engines.diffsplat.base_models import BASE_MODELS, BaseModel
from splatsmith.engines.diffsplat.checkpoint import BUILDERS
from splatsmith.engines.diffsplat.denoisers import build_control_net, build_unet
from splatsmith.engines.diffsplat.elevest import ElevEst, ElevEstConfig
from splatsmith.engines.diffsplat.gsvae import GSVAE, LatentScale
from splatsmith.nn.diffusers_config import from_config
from tests.backend.diffsplat.tiny_tokenizers import write_clip_tokenizer, write_t5_tokenizer

VIEWS = 4
STEP = "000010"  # of checkpoints whose published step is unknown
PLUCKER_CHANNELS = 6
CLIP_WIDTHS = {"text_encoder": 24, "text_encoder_2": 40}

Config = dict[str, Any]
Network = TypeVar("Network", bound=nn.Module)

UNET = {
    "_class_name": "UNetMV2DConditionModel",
    "sample_size": 8,
    "out_channels": 4,
    "block_out_channels": [8, 16, 16, 16],
    "layers_per_block": 1,
    "cross_attention_dim": CLIP_WIDTHS["text_encoder"],
    "attention_head_dim": 2,
    "norm_num_groups": 4,
    "down_block_types": [*["CrossAttnDownBlockMV2D"] * 3, "DownBlock2D"],
    "mid_block_type": "UNetMidBlockMV2DCrossAttn",
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlockMV2D"] * 3],
    "input_concat_plucker": True,
}
PIXART = {
    "_class_name": "PixArtTransformerMV2DModel",
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "out_channels": 8,
    "num_layers": 2,
    "cross_attention_dim": 32,
    "sample_size": 8,
    "patch_size": 2,
    "norm_type": "ada_norm_single",
    "norm_elementwise_affine": False,
    "norm_eps": 1e-6,
    "caption_channels": 24,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "num_embeds_ada_norm": 1000,
    "use_additional_conditions": False,
    "interpolation_scale": 1,
}
SD3 = {
    "_class_name": "SD3TransformerMV2DModel",
    "sample_size": 8,
    "patch_size": 2,
    "num_layers": 3,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "joint_attention_dim": 4096,
    "caption_projection_dim": 32,
    "pooled_projection_dim": sum(CLIP_WIDTHS.values()),
    "out_channels": 16,
    "pos_embed_max_size": 12,
    "dual_attention_layers": [0, 1],
    "qk_norm": "rms_norm",
}
SCHEDULERS: dict[str, dict[str, object]] = {
    "unet": {
        "_class_name": "PNDMScheduler",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "num_train_timesteps": 1000,
        "set_alpha_to_one": False,
        "clip_sample": False,
        "steps_offset": 1,
    },
    "pixart": {
        "_class_name": "DPMSolverMultistepScheduler",
        "algorithm_type": "dpmsolver++",
        "beta_end": 0.02,
        "beta_schedule": "linear",
        "beta_start": 0.0001,
        "num_train_timesteps": 1000,
    },
    "sd3": {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
}


@dataclass(frozen=True)
class Sizes:
    """Of the networks, whose parameters are created on `device`.

    denoisers: configurations by BaseModel.network.
    clip: configurations by the encoders' subfolder; t5: by BaseModel.network.
    embedding: widths of the ControlNets' image embedding.
    gsvae, image_vae: widths of the autoencoders; layers: of each of their levels.
    """

    denoisers: dict[str, Config]
    clip: dict[str, Config]
    t5: dict[str, Config]
    embedding: tuple[int, ...]
    gsvae: tuple[int, ...]
    image_vae: tuple[int, ...]
    layers: int
    image_vae_groups: int
    elevest: ElevEstConfig
    device: str = "cpu"
    text_dtype: torch.dtype = torch.float32


def _tiny_clip(width: int) -> Config:
    return {
        "hidden_size": width,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": width,
    }


def _tiny_t5(width: int) -> Config:
    return {"d_model": width, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 1}


TINY = Sizes(
    denoisers={"unet": UNET, "pixart": PIXART, "sd3": SD3},
    clip={name: _tiny_clip(width) for name, width in CLIP_WIDTHS.items()},
    t5={"pixart": _tiny_t5(24), "sd3": _tiny_t5(4096)},
    embedding=(8, 8, 16, 16),
    gsvae=(32,) * 4,
    image_vae=(8,) * 4,
    layers=1,
    image_vae_groups=4,
    elevest=ElevEstConfig(width=64, depth=1, heads=1),
)


def write_repositories(folder: Path) -> None:
    """All of them, each as `folder`/owner/name."""
    torch.manual_seed(0)
    for base_model in BASE_MODELS.values():
        write_base_model(folder, base_model, TINY)
    write_elevest(folder, TINY.elevest)


def write_elevest(folder: Path, shape: ElevEstConfig) -> None:
    path = weights_file(folder, published.ELEVEST)
    elevest = ElevEst(shape)
    elevest.lower_bounds.copy_(torch.linspace(-40, 10, 26)[:-1])
    _save(_published_elevest(elevest.state_dict()), path)


def weights_file(folder: Path, checkpoint: Checkpoint) -> Path:
    """Of a checkpoint whose weights are one file."""
    (pattern,) = [file.path for file in checkpoint.files if file.path.endswith("safetensors")]
    path = pattern.replace("checkpoints/*", f"checkpoints/{STEP}").replace("*", "")
    return folder / checkpoint.repository / path


def write_base_model(folder: Path, base_model: BaseModel, sizes: Sizes) -> None:
    """Everything that one variant needs, except ElevEst."""
    channels = 16 if base_model.network == "sd3" else 4
    with torch.device(sizes.device):
        for checkpoint, more in ((base_model.text_denoiser, 0), (base_model.image_denoiser, 1)):
            _write_denoiser(folder, checkpoint, base_model.network, channels + more, sizes)
        for checkpoint in base_model.control_nets.values():
            unet = build_unet({**sizes.denoisers["unet"], "in_channels": 10}, VIEWS)
            network = _without_zeros(build_control_net(unet, sizes.embedding).network)
            _save(network.state_dict(), weights_file(folder, checkpoint))
        _save(_gsvae(channels, sizes), weights_file(folder, base_model.gsvae))
        _write_image_encoder(folder, base_model.image_encoder, channels, sizes)
    _write_text_encoders(folder, base_model, sizes)


def _write_denoiser(
    folder: Path, checkpoint: Checkpoint, network: str, channels: int, sizes: Sizes
) -> None:
    config = {**sizes.denoisers[network], "in_channels": channels + PLUCKER_CHANNELS}
    tensors = _without_zeros(BUILDERS[network](config, VIEWS).network).state_dict()
    path = weights_file(folder, checkpoint)
    if network == "sd3":  # as large ones are published: in two shards
        _save_shards(tensors, path)
    else:
        _save(tensors, path)
    _write_json(path.parent / "config.json", config)


def _autoencoder(channels: int, latents: int, widths: tuple[int, ...], layers: int) -> Config:
    return {
        "in_channels": channels,
        "out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "block_out_channels": widths,
        "layers_per_block": layers,
        "latent_channels": latents,
        "use_quant_conv": latents == 4,
        "use_post_quant_conv": latents == 4,
    }


def _gsvae(channels: int, sizes: Sizes) -> dict[str, Tensor]:
    config = _autoencoder(12, channels, sizes.gsvae, sizes.layers)
    tiny = DecoderTiny(channels, 12, (1,) * 4, (8,) * 4, 2, "relu", "nearest")
    return {
        **GSVAE(config, LatentScale(1.0)).state_dict(),
        **{f"tiny_decoder.{name}": tensor for name, tensor in tiny.state_dict().items()},
    }


def _write_image_encoder(folder: Path, checkpoint: Checkpoint, channels: int, sizes: Sizes) -> None:
    config = {
        "_class_name": "AutoencoderKL",
        "norm_num_groups": sizes.image_vae_groups,
        "scaling_factor": 0.18215,
        **_autoencoder(3, channels, sizes.image_vae, sizes.layers),
    }
    tensors = from_config(AutoencoderKL, config).state_dict()
    if channels == 4:  # as Stable Diffusion 1.5's is
        tensors = {_old_vae_key(name): tensor for name, tensor in tensors.items()}
    path = weights_file(folder, checkpoint)
    _save(tensors, path)
    _write_json(path.parent / "config.json", config)


def _write_text_encoders(folder: Path, base_model: BaseModel, sizes: Sizes) -> None:
    for spec in base_model.text_encoders:
        path = folder / spec.checkpoint.repository
        if spec.is_t5:
            vocabulary_size = write_t5_tokenizer(path / spec.tokenizer)
            with torch.device(sizes.device):
                encoder = _t5(vocabulary_size, sizes.t5[base_model.network])
        else:
            vocabulary_size = write_clip_tokenizer(path / spec.tokenizer)
            with torch.device(sizes.device):
                encoder = _clip(vocabulary_size, sizes.clip[spec.encoder], "projected" in spec.kind)
        # T5 is published in shards, CLIP is not.
        size = encoder.num_parameters() * sizes.text_dtype.itemsize // 2 if spec.is_t5 else 10**10
        encoder.to(dtype=sizes.text_dtype)  # pyright: ignore[reportCallIssue]
        encoder.save_pretrained(path / spec.encoder, variant=spec.variant, max_shard_size=size)
    base = folder / base_model.text_encoders[0].checkpoint.repository
    _write_json(base / "scheduler" / "scheduler_config.json", SCHEDULERS[base_model.network])


def _t5(vocabulary_size: int, config: Config) -> T5EncoderModel:
    return T5EncoderModel(T5Config(**{"vocab_size": vocabulary_size, **config}))


def _clip(
    vocabulary_size: int, config: Config, projected: bool
) -> CLIPTextModel | CLIPTextModelWithProjection:
    ends = {"bos_token_id": vocabulary_size - 2, "eos_token_id": vocabulary_size - 1}
    made = CLIPTextConfig(**{"vocab_size": vocabulary_size, **ends, **config})
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(made)


def _without_zeros(network: Network) -> Network:
    """Replace zero-initialised parameters, which would make some inputs have no effect."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network


def _published_elevest(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """transformers' keys turned back into DINOv2's."""
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for own, foreign in (
            ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
            ("embeddings.position_embeddings", "pos_embed"),
            ("embeddings.", ""),
            ("encoder.layer", "blocks"),
            ("backbone.layernorm", "backbone.norm"),
            ("attention.o_proj", "attn.proj"),
            ("layer_scale1.lambda1", "ls1.gamma"),
            ("layer_scale2.lambda1", "ls2.gamma"),
        ):
            name = name.replace(own, foreign)
        named[name] = tensor
    for name in [each for each in named if ".q_proj." in each]:
        parts = [named.pop(name.replace("q_proj", f"{part}_proj")) for part in "qkv"]
        named[name.replace("attention.q_proj", "attn.qkv")] = torch.cat(parts)
    return named


def _old_vae_key(name: str) -> str:
    if ".attentions." in name:
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value")):
            name = name.replace(f".{new}.", f".{old}.")
        name = name.replace(".to_out.0.", ".proj_attn.")
    return name


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def _save_shards(tensors: Mapping[str, Tensor], path: Path) -> None:
    names = sorted(tensors)
    half = len(names) // 2
    files = [f"{path.stem}-{number:05}-of-00002.safetensors" for number in (1, 2)]
    for file, part in zip(files, (names[:half], names[half:]), strict=True):
        _save({name: tensors[name] for name in part}, path.parent / file)
    index = {name: files[number >= half] for number, name in enumerate(names)}
    _write_json(path.parent / f"{path.name}.index.json", {"weight_map": index})


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


if __name__ == "__main__":
    write_repositories(Path(sys.argv[1]))
