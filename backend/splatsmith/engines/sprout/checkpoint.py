"""Sprout's weights in their file: the two networks' names before the parameters'.

Large matrices are bytes with a half-precision scale for each row, all else is half precision. That
is half the size; `backend/training/README.md` says what it costs.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...errors import WeightsDamaged
from .model import LatentDenoiser, Shape, SplatDecoder

FOLDER = Path(__file__).parent
REMEDY = "Install Splatsmith again: they travel with it."
LARGE = 1 << 14  # elements from which on a matrix is stored as bytes
SCALE = ":scale"  # after the name of a matrix, its scales [rows]


def save_networks(denoiser: LatentDenoiser, decoder: SplatDecoder, file: Path) -> None:
    """Write both networks."""
    named = {**denoiser.state_dict(prefix="denoiser."), **decoder.state_dict(prefix="decoder.")}
    stored: dict[str, Tensor] = {}
    for name, value in named.items():
        stored |= _packed(name, value.detach().cpu().float())
    save_file(stored, file)


def read_networks(file: Path) -> tuple[LatentDenoiser, SplatDecoder]:
    """Read both networks in float32, ready to infer on the CPU.

    Raises:
        WeightsDamaged: the file is cut off, or holds other parameters than the model has.
    """
    denoiser, decoder = LatentDenoiser(Shape()), SplatDecoder(Shape())
    both = nn.ModuleDict({"denoiser": denoiser, "decoder": decoder})
    try:
        both.load_state_dict(_unpacked(load_file(file)), strict=True)
    except (SafetensorError, RuntimeError, OSError, KeyError) as error:
        raise WeightsDamaged(f"The weights {file.name} cannot be read.", REMEDY) from error
    both.eval().requires_grad_(False)
    return denoiser, decoder


def _packed(name: str, value: Tensor) -> dict[str, Tensor]:
    if value.dim() < 2 or value.numel() < LARGE:
        return {name: value.half().contiguous()}
    rows = value.flatten(1)
    scales = (rows.abs().amax(1) / 127).half()
    steps = rows / scales.float().clamp(min=1e-12)[:, None]
    return {
        name: steps.round().clamp(-127, 127).to(torch.int8).view(value.shape).contiguous(),
        name + SCALE: scales,
    }


def _unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """All parameters in float32."""
    values: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(SCALE):
            continue
        values[name] = value.float()
        if value.dtype == torch.int8:
            scales = stored[name + SCALE].float()
            values[name] *= scales.reshape(-1, *[1] * (value.dim() - 1))
    return values
