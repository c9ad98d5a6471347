"""Random weights of the published sizes, whose Gaussians are as large as trained ones' are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from splatsmith.engines.diffusiongs.card import MODELS, Subject
from splatsmith.engines.diffusiongs.denoiser import (
    GAUSSIAN_CHANNELS,
    Denoiser,
    DenoiserConfig,
    Head,
)
from splatsmith.weights.path_patterns import stored_path
from tests.backend.diffusiongs.tiny_denoisers import install, random_denoiser, save_denoiser

FULL = {subject: DenoiserConfig(subject) for subject in Subject}
SCALES = slice(6, 9)  # among a Gaussian's channels
# Of the scales' channels: 0.005 of the object's units after the decoder's offset, about a pixel.
RAW_LOG_SCALE = -3.0
SHIFT = 10.0  # of the head's constant input, so large that its noise does not matter


@torch.no_grad()
def write_weights(
    variant: str, configs: Mapping[Subject, DenoiserConfig], folder: Path, device: str
) -> None:
    """The variant's checkpoint in `folder`, recorded as installed."""
    model = MODELS[variant]
    with torch.device(device):
        denoiser = random_denoiser(configs[model.subject])
    make_pixel_sized(denoiser)
    folder.mkdir(parents=True, exist_ok=True)
    save_denoiser(denoiser, folder / stored_path(model.checkpoint.files[0].path))
    install(model.checkpoint, folder)
    del denoiser
    if device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()  # without making the weights


@torch.no_grad()
def make_pixel_sized(denoiser: Denoiser) -> None:
    """Have all Gaussians be about as large as a pixel: rendering takes as long as its overdraw."""
    for head in (denoiser.global_head, denoiser.pixel_head):
        _set_scales(head)


def _set_scales(head: Head) -> None:
    """The first input of the linear layer becomes a constant, which the scales alone read."""
    head.modulation.bias[0] = SHIFT
    weight = head.linear.weight.unflatten(0, (-1, GAUSSIAN_CHANNELS))
    weight[..., 0] = 0
    weight[:, SCALES] /= 10
    weight[:, SCALES, 0] = RAW_LOG_SCALE / SHIFT
