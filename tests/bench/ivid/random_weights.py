"""Random weights of a size, installed as if downloaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from splatsmith.engines.ivid.adm_unet import AdmUnet2d, AdmUnetConfig
from splatsmith.weights.path_patterns import stored_path
from tests.backend.ivid.tiny_unets import CHANNELS, record_installed, save_unet

FULL = AdmUnetConfig()


@torch.no_grad()
def write_weights(config: AdmUnetConfig, folder: Path, device: str) -> None:
    """Both networks' checkpoints in `folder`; their noise is faint, so that views stay finite."""
    folder.mkdir(parents=True, exist_ok=True)
    for checkpoint, channels in CHANNELS.items():
        with torch.device(device):
            unet = AdmUnet2d(replace(config, in_channels=channels)).eval()
        unet.out[2].weight.mul_(0.3)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        save_unet(unet, folder / stored_path(checkpoint.files[0].path))
        record_installed(checkpoint, folder)
        del unet
    if device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()  # without making the weights
