"""Small joint files and encoders with random weights, in their repositories' layout."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.ln3diff.published_checkpoints import (
    CLIP,
    DECODER,
    DENOISER,
    DINO,
    ENCODER,
    IMAGE_TO_3D,
    TEXT_TO_3D,
)
from splatsmith.progress import silent
from splatsmith.weights.hashing import hash_file
from splatsmith.weights.records import CheckpointRecord, RecordedFile, write_record
from splatsmith.weights.tensor_layouts import read_key_list
from tests.backend.diffsplat.tiny_tokenizers import write_clip_tokenizer

KEYS = "splatsmith.engines.ln3diff:keys"
WIDTH, LAYERS, LATENT_SIZE = 64, 2, 8
STEP = "2990000"
_DEEP = re.compile(r"blocks\.(\d+)\.")
_OF_ENCODERS = re.compile(r"cross_attn\.to_[kv]|y_proj\.fc1\.weight|attention_y_norm")
# Of the published sizes that are shrunk, the small ones.
_SIZES = {1024: WIDTH, 3072: 3 * WIDTH, 4096: 4 * WIDTH, 6144: 6 * WIDTH, 2048: 2 * WIDTH}


def joint_tensors(kind: str, *, full_size: bool = False) -> dict[str, Tensor]:
    """A joint file of "i23d" or "t23d" with random weights and published names; small, with sizes
    of WIDTH and LAYERS, unless the published sizes are asked for.
    """
    generator = torch.Generator().manual_seed(len(kind))
    tensors: dict[str, Tensor] = {}
    for name, prefix in ((f"{kind}_dit", DENOISER), ("decoder", DECODER), ("encoder", ENCODER)):
        for key, shape in read_key_list(f"{KEYS}/{name}.json.gz").items():
            deep = _DEEP.search(key)
            sizes = [size or 1 for size in shape]
            if full_size or deep is None or int(deep[1]) < LAYERS:
                sizes = sizes if full_size else _small_shape(name, key, sizes)
                tensors[prefix + key] = _random(key, sizes, generator)
    return tensors


def _small_shape(network: str, key: str, shape: list[int]) -> list[int]:
    if network == "encoder" or key == "w_avg" or key.startswith("triplane_decoder"):
        return shape
    if key.endswith("pos_embed"):
        return [1, 3 * (LATENT_SIZE // 2) ** 2, WIDTH]
    small = [_SIZES.get(size, size) for size in shape]
    is_image_context = (
        network == "i23d_dit" and "cross_attn.to_k" in key or "cross_attn.to_v" in key
    )
    if network == "i23d_dit" and (is_image_context or "y_proj.fc1.weight" in key):
        return [small[0], shape[1]]
    if "attention_y_norm" in key:
        return shape
    return small


def _random(key: str, shape: list[int], generator: torch.Generator) -> Tensor:
    if key.endswith("bias"):
        return 0.1 * torch.randn(shape, generator=generator)
    if "norm" in key:
        return 1 + 0.1 * torch.randn(shape, generator=generator)
    if key.startswith("triplane_decoder"):  # its weights are scaled when they are used
        return 8 * torch.randn(shape, generator=generator)
    fan_in = max(1, torch.Size(shape[1:]).numel())
    return torch.randn(shape, generator=generator) * fan_in**-0.5


def write_joint(
    kind: str, folder: Path, checkpoint: Checkpoint, *, full_size: bool = False
) -> None:
    path = folder / checkpoint.files[0].path.replace("*", STEP)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(joint_tensors(kind, full_size=full_size), path)


def write_clip(folder: Path, *, full_size: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words = write_clip_tokenizer(folder)
    small = {"num_hidden_layers": 1, "intermediate_size": 32, "num_attention_heads": 4}
    text = {"num_hidden_layers": 12, "intermediate_size": 3072, "num_attention_heads": 12}
    vision = {"num_hidden_layers": 24, "intermediate_size": 4096, "num_attention_heads": 16}
    if not full_size:
        text, vision = dict(small), dict(small)
    text |= {"hidden_size": 768, "vocab_size": words, "eos_token_id": words - 1}
    vision |= {"hidden_size": 1024, "patch_size": 14, "image_size": 224, "projection_dim": 768}
    torch.manual_seed(3)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=768))
    model.save_pretrained(folder)


def write_dino(folder: Path, *, full_size: bool = False) -> None:
    torch.manual_seed(4)
    config = Dinov2WithRegistersConfig(
        hidden_size=1024,
        num_hidden_layers=24 if full_size else 1,
        num_attention_heads=16,
        mlp_ratio=4 if full_size else 1,
        patch_size=14,
        image_size=518,
    )
    Dinov2WithRegistersModel(config).save_pretrained(folder)


def install(checkpoint: Checkpoint, folder: Path) -> None:
    """Record the checkpoint's files in `folder` as downloaded."""
    recorded = tuple(
        RecordedFile(str(path.relative_to(folder)), path.stat().st_size, hash_file(path, silent()))
        for file in checkpoint.files
        for path in sorted(folder.glob(file.path))
    )
    write_record(
        CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), recorded, True)
    )


def install_all(folder: Path, *, full_size: bool = False) -> None:
    for kind, checkpoint in (("i23d", IMAGE_TO_3D), ("t23d", TEXT_TO_3D)):
        write_joint(kind, folder / "ln3diff", checkpoint, full_size=full_size)
        install(checkpoint, folder / "ln3diff")
    write_clip(folder / "clip", full_size=full_size)
    install(CLIP, folder / "clip")
    write_dino(folder / "dino", full_size=full_size)
    install(DINO, folder / "dino")
