"""Published weights as the denoiser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ...errors import WeightsDamaged
from ...nn.checkpoint_files import REMEDY, Shapes, TensorFiles
from ...nn.checkpoint_loading import LoadOptions, load_network
from .card import Subject
from .denoiser import IMAGE_CHANNELS, RAY_CHANNELS, Denoiser, DenoiserConfig

# Beginnings and inner parts of published keys, by the network's own.
_PREFIXES = {
    "global_tokens": "gaussians_pos_embedding",
    "patch_embed.": "image_tokenizer.1.",
    "input_norm.": "transformer_input_layernorm.",
    "time_embed.fc1.": "t_embedder.mlp.0.",
    "time_embed.fc2.": "t_embedder.mlp.2.",
    "blocks.": "transformer.",
    "global_head.": "upsampler.",
    "pixel_head.": "image_token_decoder.",
}
_INNER_PARTS = {".norm.": ".layernorm.", ".modulation.": ".adaLN_modulation.1."}

VIEW_SIZE = "view_size"  # in the files' metadata
MAX_VIEW_SIZE = 1024

# All but the blocks: rays, time and Gaussians need float32's precision.
FLOAT32_KEYS = tuple(published for own, published in _PREFIXES.items() if own != "blocks.")


def load_denoiser(files: TensorFiles, subject: Subject, options: LoadOptions) -> Denoiser:
    """The network that the files hold, of whatever size, with its blocks in `options.dtype`.

    Raises:
        WeightsDamaged: the files are truncated, or of another network.
    """
    config = denoiser_config(files.shapes())
    if config.subject is not subject:
        raise WeightsDamaged(
            f"{files.title} is DiffusionGS's network for {config.subject}s, not for {subject}s.",
            REMEDY,
        )
    with torch.device("meta"):
        denoiser = Denoiser(config)
    load_network(denoiser, files, replace(options, float32=FLOAT32_KEYS), own_keys)
    return denoiser


def denoiser_config(shapes: Shapes) -> DenoiserConfig:
    """The sizes that a checkpoint's shapes show; heads are always 64 wide.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    tokens = shapes.get("gaussians_pos_embedding", ())
    patches = shapes.get("image_tokenizer.1.weight", ())
    blocks = {match[1] for key in shapes if (match := re.match(r"transformer\.(\d+)\.", key))}
    if len(tokens) not in (2, 3) or len(patches) != 2 or not blocks:
        raise WeightsDamaged("The checkpoint is of another network.", REMEDY)
    return DenoiserConfig(
        subject=Subject.SCENE if len(tokens) == 3 else Subject.OBJECT,
        width=tokens[-1],
        layers=len(blocks),
        patch=round((patches[1] / (IMAGE_CHANNELS + RAY_CHANNELS)) ** 0.5),
        global_gaussians=tokens[-2],
    )


def trained_size(files: TensorFiles) -> int | None:
    """Pixels a side of the views a network was trained on, where its files say so; the published
    ones do not.

    Raises:
        WeightsDamaged: it is no number of whole patches.
    """
    text = files.metadata().get(VIEW_SIZE)
    if text is None:
        return None
    patch = denoiser_config(files.shapes()).patch
    if not text.isdecimal() or not 0 < int(text) <= MAX_VIEW_SIZE or int(text) % patch:
        raise WeightsDamaged(f"{files.title} names no size of views: {text[:20]!r}.", REMEDY)
    return int(text)


def own_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors under the network's own names."""
    prefixes, inner_parts = _inverted(_PREFIXES), _inverted(_INNER_PARTS)
    return {_rename(key, prefixes, inner_parts): value for key, value in tensors.items()}


def published_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors under their published names."""
    return {_rename(key, _PREFIXES, _INNER_PARTS): value for key, value in tensors.items()}


def _inverted(names: Mapping[str, str]) -> dict[str, str]:
    return {published: own for own, published in names.items()}


def _rename(key: str, prefixes: Mapping[str, str], inner_parts: Mapping[str, str]) -> str:
    for old, new in prefixes.items():
        if key.startswith(old):
            key = new + key.removeprefix(old)
            break
    for old, new in inner_parts.items():
        key = key.replace(old, new)
    return key
