"""Sprout's weights file: both networks' parameters, with the network's name before each.

Large matrices are bytes with a half-precision scale for each row, all else is half precision. That
is half the size; `backend/training/sprout/HISTORY.md` says what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...errors import WeightsDamaged
from ...nn.checkpoint_loading import load_parameters
from .model import LatentDenoiser, SplatDecoder, SproutConfig

FOLDER = Path(__file__).parent
REMEDY = "Install Splatsmith again: they travel with it."
QUANTISED_ELEMENTS = 1 << 14  # from which on a matrix is stored as int8
SCALE_SUFFIX = ":scale"  # after a quantised matrix's name: its scales [rows]

# The shipped file's names for some modules, by the classes' own.
_FILE_NAMES = {
    "denoiser": {
        "input_proj": "enter",
        "pos_embed": "places",
        "patch_embed": "picture",
        "patch_pos_embed": "picture_places",
        "feature_extractor": "features",
        "feature_norm": "features_norm",
        "feature_proj": "features_enter",
        "elevation_proj": "elevation",
        "frame_proj": "frame",
        "text_proj": "text",
        "null_text": "no_text",
        "pooled_text_proj": "pooled",
        "time_mlp": "time",
        "output_proj": "leave",
    },
    "decoder": {
        "input_proj": "enter",
        "pos_embed": "places",
        "upsample": "split",
        "fine_pos_embed": "fine_places",
    },
}
_OWN_NAMES = {
    network: {stored: own for own, stored in names.items()}
    for network, names in _FILE_NAMES.items()
}


def save_networks(denoiser: LatentDenoiser, decoder: SplatDecoder, file: Path) -> None:
    """Write both networks."""
    both = {**denoiser.state_dict(prefix="denoiser."), **decoder.state_dict(prefix="decoder.")}
    stored: dict[str, Tensor] = {}
    for name, value in both.items():
        stored |= _quantise(_rename(name, _FILE_NAMES), value.detach().cpu().float())
    save_file(stored, file)


def read_networks(file: Path) -> tuple[LatentDenoiser, SplatDecoder]:
    """Read both networks in float32, in evaluation mode on the CPU.

    Raises:
        WeightsDamaged: the file is cut off, or holds other parameters than the model has.
    """
    try:
        parameters = _dequantise(load_file(file))
        renamed = {_rename(name, _OWN_NAMES): value for name, value in parameters.items()}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsDamaged(f"The weights {file.name} cannot be read.", REMEDY) from error
    denoiser, decoder = LatentDenoiser(SproutConfig()), SplatDecoder(SproutConfig())
    both = nn.ModuleDict({"denoiser": denoiser, "decoder": decoder})
    load_parameters(both, renamed, title=file.name, remedy=REMEDY)
    both.eval().requires_grad_(False)
    return denoiser, decoder


def _rename(name: str, names: Mapping[str, Mapping[str, str]]) -> str:
    """`name`, "network.module.rest", with its module renamed."""
    network, module, *rest = name.split(".")
    return ".".join([network, names[network].get(module, module), *rest])


def _quantise(name: str, value: Tensor) -> dict[str, Tensor]:
    if value.dim() < 2 or value.numel() < QUANTISED_ELEMENTS:
        return {name: value.half().contiguous()}
    rows = value.flatten(1)
    scales = (rows.abs().amax(1) / 127).half()
    levels = rows / scales.float().clamp(min=1e-12)[:, None]
    return {
        name: levels.round().clamp(-127, 127).to(torch.int8).view(value.shape).contiguous(),
        name + SCALE_SUFFIX: scales,
    }


def _dequantise(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All parameters in float32."""
    values: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        values[name] = value.float()
        if value.dtype == torch.int8:
            scales = stored[name + SCALE_SUFFIX].float()
            values[name] *= scales.reshape(-1, *[1] * (value.dim() - 1))
    return values
