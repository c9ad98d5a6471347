"""The user's file, and the base models' parts, as networks: names, and sizes by shapes.

The only place that knows how the files name their tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor, nn

from ...contract.problems import InvalidRequest
from ...errors import WeightsDamaged
from ...nn.checkpoint_files import REMEDY, Shapes, TensorFiles
from ...nn.checkpoint_loading import LoadOptions, RenameKeys, load_network
from ...nn.diffusers_config import Config, from_config
from .decoders import PIXELS_PER_LATENT, ImageDecoder, VideoDecoder
from .joint_unet import JointConfig, JointUNet
from .published_checkpoints import DECODER, IMAGE_MARKER, IMAGE_VAE, UNET, VIDEO_MARKER

HEAD_WIDTH = 64  # of attention, in every size of Stable Diffusion 2
ATTRIBUTES, VIEW_SIZE = "attributes", "view_size"  # in the files' metadata
MAX_VIEW_SIZE = 512


class DecoderKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True)
class Traits:
    """What a file of trained weights tells of itself.

    concatenated: the embedding of attributes, to that of the time.
    decoder: None if there is none in the file.
    attributes, view_size: None where it does not say; the published program's files do not.
    """

    concatenated: bool
    decoder: DecoderKind | None
    attributes: int | None
    view_size: int | None

    def check_attributes(self, asked: int, title: str) -> None:
        """Raises:
        InvalidRequest: the file was trained with another number of attributes than is asked.
        """
        if self.attributes not in (None, asked):
            raise InvalidRequest(
                f"{title} was trained with {self.attributes} attributes, and {asked} are asked.",
                f"Set attributes to {self.attributes}, and import the file for as many.",
            )


def read_traits(files: TensorFiles) -> Traits:
    """From the header alone.

    Raises:
        WeightsDamaged: the file is truncated, or of another network.
    """
    shapes, metadata = files.shapes(), files.metadata()
    attributes = _number(metadata.get(ATTRIBUTES), files, 5)
    view_size = _number(metadata.get(VIEW_SIZE), files, MAX_VIEW_SIZE)
    if view_size is not None and view_size % PIXELS_PER_LATENT:
        raise WeightsDamaged(f"{files.title} names no size of views: {view_size}.", REMEDY)
    return Traits(_is_concatenated(shapes), _decoder_kind(shapes), attributes, view_size)


def load_unet(files: TensorFiles, joint: JointConfig, options: LoadOptions) -> JointUNet:
    """The U-Net of a file of trained weights, of whatever size.

    Raises:
        WeightsDamaged: the file is truncated, or of another network.
    """
    shapes = _under(files.shapes(), UNET)
    with torch.device("meta"):
        unet = JointUNet(unet_config(shapes), joint)
    load_network(unet.network, files, options, _strip(UNET), _all_but(files, (UNET,)))
    return unet


def load_decoder(
    kind: DecoderKind, files: TensorFiles, base: TensorFiles, options: LoadOptions
) -> ImageDecoder | VideoDecoder:
    """The decoder of a file: of trained weights, or of a base model's autoencoder.

    base: the image autoencoder, whose `post_quant_conv` counts where the file has none.

    Raises:
        WeightsDamaged: a file is truncated, or of another network.
    """
    is_trained = any(key.startswith(UNET) for key in files.shapes())
    prefix = DECODER if is_trained else "decoder."
    config = decoder_config(_under(files.shapes(), prefix), kind)
    with torch.device("meta"):
        if kind is DecoderKind.VIDEO:
            decoder = from_config(TemporalDecoder, config)
        else:
            decoder = from_config(Decoder, config)
    load_network(decoder, files, options, _strip(prefix), _all_but(files, (prefix,)))
    if isinstance(decoder, TemporalDecoder):
        return VideoDecoder(decoder)
    own = f"{IMAGE_VAE}post_quant_conv." if is_trained else "post_quant_conv."
    has_own = any(key.startswith(own) for key in files.shapes())
    source, prefix = (files, own) if has_own else (base, "post_quant_conv.")
    channels = _shape(_under(source.shapes(), prefix), "weight")[0]
    with torch.device("meta"):
        projection = nn.Conv2d(channels, channels, 1)
    load_network(projection, source, options, _strip(prefix), _all_but(source, (prefix,)))
    return ImageDecoder(decoder, projection)


def load_encoder(files: TensorFiles, config: Config, options: LoadOptions) -> AutoencoderKL:
    """The base model's image autoencoder, without its decoder.

    Raises:
        WeightsDamaged: the file is truncated, or of another network.
    """
    with torch.device("meta"):
        encoder = from_config(AutoencoderKL, config)
        encoder.decoder, encoder.post_quant_conv = nn.Identity(), None  # pyright: ignore
    load_network(encoder, files, options, unused=("decoder.", "post_quant_conv."))
    return encoder


def unet_reduction(files: TensorFiles) -> int:
    """How much smaller the U-Net's deepest level is than the latents, along a side."""
    return 2 ** (_count(_under(files.shapes(), UNET), r"down_blocks\.(\d+)\.") - 1)


def unet_config(shapes: Shapes) -> dict[str, object]:
    """The sizes that a U-Net's shapes show, for diffusers.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    levels = _count(shapes, r"down_blocks\.(\d+)\.")
    widths = [_shape(shapes, f"down_blocks.{n}.resnets.0.conv1.weight")[0] for n in range(levels)]
    attends = [f"down_blocks.{n}.attentions.0.norm.weight" in shapes for n in range(levels)]
    if not levels or not any(attends):
        raise WeightsDamaged("The checkpoint is of another network.", REMEDY)
    block = f"down_blocks.{attends.index(True)}.attentions.0"
    return {
        "in_channels": _shape(shapes, "conv_in.weight")[1],
        "out_channels": _shape(shapes, "conv_out.weight")[0],
        "block_out_channels": widths,
        "layers_per_block": _count(shapes, r"down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in attends[::-1]],
        "cross_attention_dim": _shape(shapes, f"{block}.transformer_blocks.0.attn2.to_k.weight")[1],
        "attention_head_dim": [max(1, width // HEAD_WIDTH) for width in widths],  # their number
        "use_linear_projection": len(_shape(shapes, f"{block}.proj_in.weight")) == 2,
    }


def decoder_config(shapes: Shapes, kind: DecoderKind) -> dict[str, object]:
    """The sizes that a decoder's shapes show, for diffusers.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    levels = _count(shapes, r"up_blocks\.(\d+)\.")
    inner = "spatial_res_block." if kind is DecoderKind.VIDEO else ""
    widths = [
        _shape(shapes, f"up_blocks.{n}.resnets.0.{inner}conv2.weight")[0]
        for n in reversed(range(levels))
    ]
    return {
        "in_channels": _shape(shapes, "conv_in.weight")[1],
        "out_channels": _shape(shapes, "conv_out.weight")[0],
        "block_out_channels": widths,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": _count(shapes, r"up_blocks\.0\.resnets\.(\d+)\.") - 1,
    }


def _is_concatenated(shapes: Shapes) -> bool:
    width = _shape(shapes, f"{UNET}time_embedding.linear_2.weight")[0]
    return _shape(shapes, f"{UNET}down_blocks.0.resnets.0.time_emb_proj.weight")[1] == 2 * width


def _decoder_kind(shapes: Shapes) -> DecoderKind | None:
    markers = {DecoderKind.VIDEO: VIDEO_MARKER, DecoderKind.IMAGE: IMAGE_MARKER}
    return next((kind for kind, name in markers.items() if f"{DECODER}{name}" in shapes), None)


def _number(text: str | None, files: TensorFiles, most: int) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise WeightsDamaged(f"{files.title} says {text[:20]!r} of itself.", REMEDY)
    return int(text)


def _strip(prefix: str) -> RenameKeys:
    def strip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}

    return strip


def _all_but(files: TensorFiles, prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in files.shapes() if not key.startswith(prefixes))


def _under(shapes: Shapes, prefix: str) -> Shapes:
    return {k.removeprefix(prefix): s for k, s in shapes.items() if k.startswith(prefix)}


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    if name not in shapes:
        raise WeightsDamaged(f"The checkpoint is of another network: it has no {name}.", REMEDY)
    return shapes[name]


def _count(names: Iterable[str], pattern: str) -> int:
    """One more than the highest number that the pattern finds."""
    numbers = [int(match[1]) for name in names if (match := re.match(pattern, name))]
    return 1 + max(numbers, default=-1)
