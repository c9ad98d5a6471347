"""Published weights as networks; their tensors have the networks' own names."""

from __future__ import annotations

import json
from dataclasses import asdict

import torch

from ...errors import WeightsDamaged
from ...nn.checkpoint_files import REMEDY, TensorFiles
from ...nn.checkpoint_loading import LoadOptions, load_network
from .adm_unet import CONDITIONED_CHANNELS, RGBD, AdmUnet2d, AdmUnetConfig

CONFIG = "adm_unet"  # in the metadata of files that are not the published ones, as JSON
FLOAT32_KEYS = ("time_embed.", "label_emb.", "out.")  # whatever the blocks' precision is
FIRST_CONV = "input_blocks.0.0.weight"


def load_unet(files: TensorFiles, channels: int, options: LoadOptions) -> AdmUnet2d:
    """The network with so many input channels that the files hold.

    Raises:
        WeightsDamaged: the files are truncated, or of another network.
    """
    config = unet_config(files)
    if config.in_channels != channels:
        raise WeightsDamaged(
            f"{files.title} takes {config.in_channels} channels, not {channels}.", REMEDY
        )
    with torch.device("meta"):
        unet = AdmUnet2d(config)
    load_network(unet, files, options)
    if options.device != "cpu":
        unet.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return unet


def unet_config(files: TensorFiles) -> AdmUnetConfig:
    """The sizes that the files' metadata name, else the published ones.

    Raises:
        WeightsDamaged: the files are of another network.
    """
    first = files.shapes().get(FIRST_CONV, ())
    if len(first) != 4 or first[1] not in (RGBD, CONDITIONED_CHANNELS):
        raise WeightsDamaged(f"{files.title} is of another network.", REMEDY)
    text = files.metadata().get(CONFIG)
    if text is None:
        return AdmUnetConfig(in_channels=first[1])
    try:
        values = json.loads(text)
        lists = {name: tuple(values[name]) for name in ("channel_mult", "attention_resolutions")}
        return AdmUnetConfig(**{**values, **lists})
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsDamaged(f"{files.title} has no sizes that can be read.", REMEDY) from error


def config_metadata(config: AdmUnetConfig) -> dict[str, str]:
    """What `unet_config` reads, for files of networks of other sizes."""
    return {CONFIG: json.dumps(asdict(config))}
