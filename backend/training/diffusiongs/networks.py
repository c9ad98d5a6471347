"""The networks that are trained: one for each subject, with a common transformer.

Scene-object mixed training of the paper: objects and scenes share the transformer; rays mean
something else in each, so each subject has its own embedding of patches, and its own heads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.checkpoint import FLOAT32_KEYS, VIEW_SIZE, published_keys
from splatsmith.engines.diffusiongs.denoiser import Block, Denoiser, DenoiserConfig, Head
from splatsmith.files import atomic_write

INITIAL_DEVIATION = 0.02
SHARED = ("input_norm", "time_embed", "blocks")


class SubjectDenoisers(nn.ModuleDict):
    """Denoisers by the values of their subjects, with common transformer blocks."""

    def __init__(self, config: DenoiserConfig, subjects: Iterable[Subject]) -> None:
        networks = [Denoiser(replace(config, subject=subject)) for subject in sorted(subjects)]
        for network in networks:
            initialize(network)
            for name in SHARED:
                setattr(network, name, getattr(networks[0], name))
        super().__init__({network.config.subject.value: network for network in networks})

    def of(self, subject: Subject) -> Denoiser:
        network = self[subject.value]
        assert isinstance(network, Denoiser)
        return network


@torch.no_grad()
def initialize(network: Denoiser) -> None:
    """As DiT: modulations at zero, so that blocks begin as the identity; small heads."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Block | Head):
            nn.init.zeros_(module.modulation.weight)
        if isinstance(module, Head):
            nn.init.normal_(module.linear.weight, std=INITIAL_DEVIATION)
    nn.init.normal_(network.global_tokens, std=INITIAL_DEVIATION)
    for layer in (network.time_embed.fc1, network.time_embed.fc2):
        nn.init.normal_(layer.weight, std=INITIAL_DEVIATION)


def autocast_blocks(network: nn.Module, device: torch.device) -> None:
    """Compute blocks in bfloat16; what enters and leaves them stays float32, as in the engine."""
    for module in network.modules():
        if isinstance(module, Block):
            module.forward = torch.autocast(device.type, torch.bfloat16)(module.forward)


def save_weights(network: Denoiser, size: int, file: Path) -> None:
    """Write the network as the engine loads it: published keys, blocks in float16.

    Args:
        size: pixels a side of the views it was trained on.
    """
    tensors = {
        key: tensor.detach().float().contiguous().cpu()
        if key.startswith(FLOAT32_KEYS)
        else tensor.detach().half().contiguous().cpu()
        for key, tensor in published_keys(network.state_dict()).items()
    }
    with atomic_write(file) as part:
        save_file(tensors, part, {VIEW_SIZE: str(size)})
