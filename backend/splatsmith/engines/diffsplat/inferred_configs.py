"""Networks whose published configuration is absent or wrong, told by their parameters' sizes."""

from __future__ import annotations

import re

from ...errors import WeightsDamaged
from . import elevest
from .gsvae import CHANNELS
from .tensor_files import REMEDY, Sizes

HEAD_WIDTH = 64  # of DINOv2's attention, in every size

_WIDTH = r"vae\.encoder\.down_blocks\.\d+\.resnets\.0\.conv1\.weight"
_LAYER = r"vae\.encoder\.down_blocks\.0\.resnets\.\d+\.conv1\.weight"
_EMBEDDING = r"controlnet_cond_embedding\.(conv_in|blocks\.\d*[13579])\.weight"


def gsvae_config(sizes: Sizes) -> dict[str, object]:
    """Of a GSVAE, which has no configuration beside it.

    Raises:
        WeightsDamaged: they are of another network.
    """
    widths = [size[0] for _, size in _matching(_WIDTH, sizes)]
    return {
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "block_out_channels": widths,
        "layers_per_block": len(_matching(_LAYER, sizes)),
        "latent_channels": _matching(r"vae\.decoder\.conv_in\.weight", sizes)[0][1][1],
        "use_quant_conv": "vae.quant_conv.weight" in sizes,
        "use_post_quant_conv": "vae.post_quant_conv.weight" in sizes,
    }


def embedding_channels(sizes: Sizes) -> tuple[int, ...]:
    """Widths of a ControlNet's picture embedding.

    Raises:
        WeightsDamaged: they are of another network.
    """
    found = dict(_matching(_EMBEDDING, sizes))
    first = found.pop("controlnet_cond_embedding.conv_in.weight", None)
    if first is None:
        raise WeightsDamaged("The checkpoint is no ControlNet.", REMEDY)
    return (first[0], *(size[0] for size in found.values()))


def elevest_shape(sizes: Sizes) -> elevest.Shape:
    """Of ElevEst, which has no configuration beside it.

    Raises:
        WeightsDamaged: they are of another network.
    """
    width = _matching(r"backbone\.cls_token", sizes)[0][1][-1]
    return elevest.Shape(
        width=width,
        depth=len(_matching(r"backbone\.blocks\.\d+\.norm1\.weight", sizes)),
        heads=max(1, width // HEAD_WIDTH),
        bins=_matching("lower_bounds", sizes)[0][1][0],
    )


def _matching(pattern: str, sizes: Sizes) -> list[tuple[str, tuple[int, ...]]]:
    """Names and sizes by name; at least one."""
    found = sorted(each for each in sizes.items() if re.fullmatch(pattern, each[0]))
    if not found:
        raise WeightsDamaged("The checkpoint is of another network.", REMEDY)
    return found
