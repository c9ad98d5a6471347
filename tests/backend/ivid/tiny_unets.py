"""Small U-Nets with random weights, as published checkpoints on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.ivid.adm_unet import (
    CONDITIONED_CHANNELS,
    RGBD,
    AdmUnet2d,
    AdmUnetConfig,
)
from splatsmith.engines.ivid.checkpoint import config_metadata
from splatsmith.engines.ivid.published_checkpoints import CONDITIONAL, UNCONDITIONAL
from splatsmith.progress import silent
from splatsmith.weights.hashing import hash_file
from splatsmith.weights.path_patterns import stored_path
from splatsmith.weights.records import CheckpointRecord, RecordedFile, write_record

SIZE = 32
TINY = AdmUnetConfig(
    image_size=SIZE,
    model_channels=16,
    res_blocks=1,
    channel_mult=(1, 2),
    attention_resolutions=(16,),
    groups=8,
    head_channels=16,
)
CHANNELS = {UNCONDITIONAL: RGBD, CONDITIONAL: CONDITIONED_CHANNELS}


def random_unet(channels: int = RGBD, seed: int = 0) -> AdmUnet2d:
    torch.manual_seed(seed)
    unet = AdmUnet2d(replace(TINY, in_channels=channels)).eval().requires_grad_(False)
    unet.out[2].weight *= 0.3  # pyright: ignore[reportOperatorIssue]
    return unet


def save_unet(unet: AdmUnet2d, file: Path) -> None:
    save_file(unet.state_dict(), file, config_metadata(unet.config))


def install_all(folder: Path) -> None:
    """Tiny networks as both checkpoints in `folder`."""
    for checkpoint, channels in CHANNELS.items():
        save_unet(random_unet(channels), folder / stored_path(checkpoint.files[0].path))
        record_installed(checkpoint, folder)


def record_installed(checkpoint: Checkpoint, folder: Path) -> None:
    """The checkpoint's one file in `folder` as downloaded."""
    path = stored_path(checkpoint.files[0].path)
    digest = hash_file(folder / path, silent())
    file = RecordedFile(path, (folder / path).stat().st_size, digest)
    write_record(
        CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), (file,), True)
    )
