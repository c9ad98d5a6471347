"""Sprout's weights in their file: half precision, the two networks' names before the
parameters'.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ...errors import WeightsDamaged
from .model import LatentDenoiser, Shape, SplatDecoder

FOLDER = Path(__file__).parent
REMEDY = "Install Splatsmith again: they travel with it."


def save_networks(denoiser: LatentDenoiser, decoder: SplatDecoder, file: Path) -> None:
    """Write both networks, half precision."""
    named = {**denoiser.state_dict(prefix="denoiser."), **decoder.state_dict(prefix="decoder.")}
    save_file({name: value.half().contiguous().cpu() for name, value in named.items()}, file)


def read_networks(file: Path) -> tuple[LatentDenoiser, SplatDecoder]:
    """Read both networks in float32, ready to infer on the CPU.

    Raises:
        WeightsDamaged: the file is cut off, or holds other parameters than the model has.
    """
    denoiser, decoder = LatentDenoiser(Shape()), SplatDecoder(Shape())
    both = nn.ModuleDict({"denoiser": denoiser, "decoder": decoder})
    try:
        tensors = {name: value.to(torch.float32) for name, value in load_file(file).items()}
        both.load_state_dict(tensors, strict=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise WeightsDamaged(f"The weights {file.name} cannot be read.", REMEDY) from error
    both.eval().requires_grad_(False)
    return denoiser, decoder
