"""Random checkpoints of all that DiffSplat's variants need, in their repositories' layout: small
ones, unless other sizes are given.

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
from splatsmith.engines.diffsplat import catalogue as published
from splatsmith.engines.diffsplat.denoisers import (
    build_control_net,
    build_pixart,
    build_sd3,
    build_unet,
)
from splatsmith.engines.diffsplat.elevest import ElevEst, Shape
from splatsmith.engines.diffsplat.gsvae import GSVAE, LatentScale
from splatsmith.engines.diffsplat.image_encoder import make_picture_encoder
from splatsmith.engines.diffsplat.variants import FAMILIES, Family
from tests.backend.diffsplat.tiny_tokenizers import write_clip_tokenizer, write_t5_tokenizer

VIEWS = 4
STEP = "000010"  # where the published one is not known
MORE_CHANNELS = 6  # Plücker
CLIP_WIDTHS = {"text_encoder": 24, "text_encoder_2": 40}
BUILDERS = {"unet": build_unet, "pixart": build_pixart, "sd3": build_sd3}

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
    """Of the networks; their parameters are made on `device`.

    denoisers: configurations by the families' network.
    clip, t5: configurations by the encoders' folder, by the families' network.
    gsvae, pictures: widths of the autoencoders, and how many layers each level has.
    """

    denoisers: dict[str, Config]
    clip: dict[str, Config]
    t5: dict[str, Config]
    embedding: tuple[int, ...]
    gsvae: tuple[int, ...]
    pictures: tuple[int, ...]
    layers: int
    picture_groups: int
    elevest: Shape
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
    pictures=(8,) * 4,
    layers=1,
    picture_groups=4,
    elevest=Shape(width=64, depth=1, heads=1),
)


def write_repositories(folder: Path) -> None:
    """All of them, each as `folder`/owner/name."""
    torch.manual_seed(0)
    for family in FAMILIES.values():
        write_family(folder, family, TINY)
    write_elevest(folder, TINY.elevest)


def write_elevest(folder: Path, shape: Shape) -> None:
    place = weights_file(folder, published.ELEVATION)
    elevest = ElevEst(shape)
    elevest.lower_bounds.copy_(torch.linspace(-40, 10, 26)[:-1])
    _save(_published_elevest(elevest.state_dict()), place)


def weights_file(folder: Path, checkpoint: Checkpoint) -> Path:
    """Where a checkpoint's weights are, in one file."""
    (pattern,) = [file.path for file in checkpoint.files if file.path.endswith("safetensors")]
    path = pattern.replace("checkpoints/*", f"checkpoints/{STEP}").replace("*", "")
    return folder / checkpoint.repository / path


def write_family(folder: Path, family: Family, sizes: Sizes) -> None:
    """What one variant needs, but for ElevEst."""
    channels = 16 if family.network == "sd3" else 4
    with torch.device(sizes.device):
        for checkpoint, more in ((family.from_text, 0), (family.from_picture, 1)):
            _write_denoiser(folder, checkpoint, family.network, channels + more, sizes)
        for checkpoint in family.control_nets.values():
            unet = build_unet({**sizes.denoisers["unet"], "in_channels": 10}, VIEWS)
            stock = _lively(build_control_net(unet, sizes.embedding).stock)
            _save(stock.state_dict(), weights_file(folder, checkpoint))
        _save(_gsvae(channels, sizes), weights_file(folder, family.gsvae))
        _write_picture_encoder(folder, family.picture_encoder, channels, sizes)
    _write_text_encoders(folder, family, sizes)


def _write_denoiser(
    folder: Path, checkpoint: Checkpoint, network: str, channels: int, sizes: Sizes
) -> None:
    config = {**sizes.denoisers[network], "in_channels": channels + MORE_CHANNELS}
    tensors = _lively(BUILDERS[network](config, VIEWS).stock).state_dict()
    place = weights_file(folder, checkpoint)
    if network == "sd3":  # as large ones are published: in two shards
        _save_shards(tensors, place)
    else:
        _save(tensors, place)
    _write_json(place.parent / "config.json", config)


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


def _write_picture_encoder(
    folder: Path, checkpoint: Checkpoint, channels: int, sizes: Sizes
) -> None:
    config = {
        "_class_name": "AutoencoderKL",
        "norm_num_groups": sizes.picture_groups,
        "scaling_factor": 0.18215,
        **_autoencoder(3, channels, sizes.pictures, sizes.layers),
    }
    tensors = make_picture_encoder(config).state_dict()
    if channels == 4:  # as Stable Diffusion 1.5's is
        tensors = {_old_name(name): tensor for name, tensor in tensors.items()}
    place = weights_file(folder, checkpoint)
    _save(tensors, place)
    _write_json(place.parent / "config.json", config)


def _write_text_encoders(folder: Path, family: Family, sizes: Sizes) -> None:
    for spec in family.text_encoders:
        place = folder / spec.checkpoint.repository
        if spec.is_t5:
            words = write_t5_tokenizer(place / spec.tokenizer)
            with torch.device(sizes.device):
                encoder = _t5(words, sizes.t5[family.network])
        else:
            words = write_clip_tokenizer(place / spec.tokenizer)
            with torch.device(sizes.device):
                encoder = _clip(words, sizes.clip[spec.encoder], "projected" in spec.kind)
        # T5 is published in shards, CLIP is not.
        size = encoder.num_parameters() * sizes.text_dtype.itemsize // 2 if spec.is_t5 else 10**10
        encoder.to(dtype=sizes.text_dtype)  # pyright: ignore[reportCallIssue]
        encoder.save_pretrained(place / spec.encoder, variant=spec.variant, max_shard_size=size)
    base = folder / family.text_encoders[0].checkpoint.repository
    _write_json(base / "scheduler" / "scheduler_config.json", SCHEDULERS[family.network])


def _t5(words: int, config: Config) -> T5EncoderModel:
    return T5EncoderModel(T5Config(**{"vocab_size": words, **config}))


def _clip(
    words: int, config: Config, projected: bool
) -> CLIPTextModel | CLIPTextModelWithProjection:
    ends = {"bos_token_id": words - 2, "eos_token_id": words - 1}
    made = CLIPTextConfig(**{"vocab_size": words, **ends, **config})
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(made)


def _lively(network: Network) -> Network:
    """Without the zeros that stock networks begin training with: every condition is to count."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network


def _published_elevest(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The stock class's names turned back into those that are published."""
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


def _old_name(name: str) -> str:
    if ".attentions." in name:
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value")):
            name = name.replace(f".{new}.", f".{old}.")
        name = name.replace(".to_out.0.", ".proj_attn.")
    return name


def _save(tensors: Mapping[str, Tensor], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, place)


def _save_shards(tensors: Mapping[str, Tensor], place: Path) -> None:
    names = sorted(tensors)
    half = len(names) // 2
    files = [f"{place.stem}-{number:05}-of-00002.safetensors" for number in (1, 2)]
    for file, part in zip(files, (names[:half], names[half:]), strict=True):
        _save({name: tensors[name] for name in part}, place.parent / file)
    index = {name: files[number >= half] for number, name in enumerate(names)}
    _write_json(place.parent / f"{place.name}.index.json", {"weight_map": index})


def _write_json(place: Path, value: Mapping[str, object]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(value), encoding="utf-8")


if __name__ == "__main__":
    write_repositories(Path(sys.argv[1]))
