"""Published weights as the networks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from ...errors import WeightsDamaged
from ...nn.checkpoint_files import REMEDY, Shapes, TensorFiles
from ...nn.checkpoint_loading import LoadOptions, load_network
from .decoder import PATCH, ConvConfig, Decoder, DecoderConfig
from .denoiser import DenoiserConfig, ImageDenoiser, TextDenoiser
from .encoder import Encoder, EncoderConfig
from .published_checkpoints import DECODER, DENOISER, ENCODER
from .transformer import HEAD_WIDTH
from .triplane import PLANES

AnyDenoiser = TypeVar("AnyDenoiser", ImageDenoiser, TextDenoiser)

# Published names as regular expressions, and the networks' own; all that match apply in turn.
_BLOCK_NAMES = (
    (r"\.adaLN_modulation\.1\.", ".modulation."),
    (r"\.mlp\.mlp\.[01]\.", ".mlp.fc1."),
    (r"\.mlp\.mlp\.[23]\.", ".mlp.fc2."),
    (r"\.scale_shift_table$", ".table"),
    (r"\.to_out\.0\.", ".out."),
)
_DENOISER_NAMES = (
    (r"^final_layer\.linear\.", "head."),
    (r"^final_layer\.scale_shift_table$", "head_table"),
    (r"^final_layer\.adaLN_modulation\.1\.", "head_modulation."),
    (r"^x_embedder\.proj\.", "patch_embed."),
    (r"^t_embedder\.mlp\.0\.", "time_embed.fc1."),
    (r"^t_embedder\.mlp\.2\.", "time_embed.fc2."),
    (r"^adaLN_modulation\.1\.", "modulation."),
    (r"^cap_embedder\.0\.", "pooled_norm."),
    (r"^cap_embedder\.1\.", "pooled_proj."),
    (r"^dino_proj\.y_proj\.", "dino_proj."),
    (r"^clip_text_proj\.y_proj\.", "text_proj."),
    (r"^attention_y_norm\.", "clip_norm."),
    *_BLOCK_NAMES,
)
_DECODER_NAMES = (
    (r"^superresolution\.ldm_upsample\.", "upsample."),
    (r"^vit_decoder\.", "transformer."),
    (r"^triplane_decoder\.decoder\.net\.0\.", "point_mlp.fc1."),
    (r"^triplane_decoder\.decoder\.net\.2\.", "point_mlp.fc2."),
    (r"^superresolution\.conv_sr\.", "convolutions."),
    *_BLOCK_NAMES,
)
# Of the convolutions: those of latent diffusion's autoencoder to diffusers'.
_CONV_NAMES = (
    (r"\bmid\.block_1\.", "mid_block.resnets.0."),
    (r"\bmid\.block_2\.", "mid_block.resnets.1."),
    (r"\bmid\.attn_1\.norm\.", "mid_block.attentions.0.group_norm."),
    (r"\bmid\.attn_1\.([qkv])\.", r"mid_block.attentions.0.to_\1."),
    (r"\bmid\.attn_1\.proj_out\.", "mid_block.attentions.0.to_out.0."),
    (r"\bnorm_out\.", "conv_norm_out."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
)
_ENCODER_NAMES = (
    (r"^superresolution\.quant_conv\.", "quant_conv."),
    (r"^(conv_|norm_|down\.|mid\.)", r"convolutions.\1"),
    (r"\bmid\.attn_1\.(transformer_blocks\.0\.)?", "mid_block.attentions.0."),
    (r"\.down\.(\d+)\.block\.", r".down_blocks.\1.resnets."),
    (r"\.down\.(\d+)\.downsample\.", r".down_blocks.\1.downsamplers.0."),
)
_UNUSED_BY_DENOISER = re.compile(
    r"clip_spatial_proj\.|blocks\.\d+\.attention_y_norm\.|ema_latent_(std|mean)$"
)
# Of the denoisers all but the blocks, of the decoder the MLP at points: they decide what is seen.
_FLOAT32 = (
    *(
        f"{DENOISER}{name}"
        for name in (
            "adaLN_modulation.",
            "attention_y_norm.",
            "cap_embedder.",
            "clip_text_proj.",
            "dino_proj.",
            "final_layer.",
            "pos_embed",
            "t_embedder.",
            "x_embedder.",
        )
    ),
    f"{DECODER}triplane_decoder.",
)
UNUSED_BY_DECODER = ("w_avg", "superresolution.quant_conv.")


def load_denoiser(
    files: TensorFiles, network: type[AnyDenoiser], options: LoadOptions
) -> AnyDenoiser:
    """The denoiser of a joint file, of whatever size, with its blocks in `options.dtype`.

    Raises:
        WeightsDamaged: the file is truncated, or of another network.
    """
    shapes = _shapes_under(files, DENOISER)
    with torch.device("meta"):
        denoiser = network(denoiser_config(shapes))
    load_network(
        denoiser,
        files,
        replace(options, float32=_FLOAT32),
        lambda tensors: denoiser_tensors(_under(tensors, DENOISER)),
        unused=(DECODER, ENCODER),
    )
    return denoiser


def load_decoder(files: TensorFiles, options: LoadOptions) -> Decoder:
    """The decoder of a joint file, of whatever size.

    Raises:
        WeightsDamaged: the file is truncated, or of another network.
    """
    with torch.device("meta"):
        decoder = Decoder(decoder_config(_shapes_under(files, DECODER)))
    load_network(
        decoder,
        files,
        replace(options, float32=_FLOAT32),
        lambda tensors: decoder_tensors(_under(tensors, DECODER)),
        unused=(DENOISER, ENCODER),
    )
    return decoder


def load_encoder(files: TensorFiles, options: LoadOptions) -> Encoder:
    """The encoder of a joint file, of the published size.

    Raises:
        WeightsDamaged: the file is truncated, or of another network.
    """
    with torch.device("meta"):
        encoder = Encoder(EncoderConfig())
    used = (ENCODER, f"{DECODER}superresolution.quant_conv.")
    unused = tuple(key for key in files.shapes() if not key.startswith(used))
    load_network(
        encoder,
        files,
        options,
        lambda tensors: encoder_tensors(_under(_under(tensors, ENCODER), DECODER)),
        unused=unused,
    )
    return encoder


def denoiser_config(shapes: Shapes) -> DenoiserConfig:
    """The sizes that published shapes (without `ddpm_model.`) show; heads are always 64 wide.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    tokens, width = _positions(shapes, "pos_embed")
    return DenoiserConfig(
        width=width,
        layers=_levels(shapes, "blocks"),
        heads=width // HEAD_WIDTH,
        latent_size=PATCH * round((tokens / PLANES) ** 0.5),
        mlp_bias="blocks.0.mlp.mlp.1.bias" in shapes,
    )


def decoder_config(shapes: Shapes) -> DecoderConfig:
    """The sizes that published shapes (without `rec_model.decoder.`) show.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    tokens, width = _positions(shapes, "vit_decoder.pos_embed")
    levels = "superresolution.conv_sr.up"
    channels = tuple(
        shapes.get(f"{levels}.{level}.block.0.conv1.weight", (0,))[0]
        for level in range(_levels(shapes, levels))
    )
    if not all(channels):
        raise WeightsDamaged("The checkpoint is of another network.", REMEDY)
    return DecoderConfig(
        width=width,
        layers=_levels(shapes, "vit_decoder.blocks"),
        heads=width // HEAD_WIDTH,
        latent_size=PATCH * round((tokens / PLANES) ** 0.5),
        mlp_bias="vit_decoder.blocks.0.mlp.mlp.1.bias" in shapes,
        conv=ConvConfig(channels, _levels(shapes, f"{levels}.0.block") - 1),
    )


def denoiser_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors of a denoiser (without `ddpm_model.`) under its own names, without those
    that it does not use.
    """
    used = {key: each for key, each in tensors.items() if not _UNUSED_BY_DENOISER.match(key)}
    return {_renamed(key, _DENOISER_NAMES): tensor for key, tensor in used.items()}


def decoder_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors of the decoder (without `rec_model.decoder.`) under its own names; those of
    UNUSED_BY_DECODER are left out.
    """
    used = {key: each for key, each in tensors.items() if not key.startswith(UNUSED_BY_DECODER)}
    levels = _levels(used, "superresolution.conv_sr.up")
    renamed: dict[str, Tensor] = {}
    for key, tensor in used.items():
        own = _renamed(key, _DECODER_NAMES)
        if own.startswith("convolutions."):
            own = _up_level(_renamed(own, _CONV_NAMES), levels)
        renamed[own] = _as_linear(own, tensor)
    return renamed


def _renamed(key: str, names: tuple[tuple[str, str], ...]) -> str:
    for pattern, own in names:
        key = re.sub(pattern, own, key)
    return key


def encoder_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors of the encoder, and the decoder's `quant_conv`, (without their prefixes)
    under the encoder's own names.
    """
    return {
        _renamed(_renamed(key, _ENCODER_NAMES), _CONV_NAMES): each for key, each in tensors.items()
    }


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): each for key, each in tensors.items()}


def _shapes_under(files: TensorFiles, prefix: str) -> Shapes:
    """Of one network of a joint file, without its prefix."""
    shapes = files.shapes().items()
    return {key.removeprefix(prefix): each for key, each in shapes if key.startswith(prefix)}


def _positions(shapes: Shapes, name: str) -> tuple[int, int]:
    """The number of tokens, and their width."""
    shape = shapes.get(name, ())
    if len(shape) != 3 or shape[2] % HEAD_WIDTH:
        raise WeightsDamaged("The checkpoint is of another network.", REMEDY)
    return shape[1], shape[2]


def _levels(keys: Iterable[str], prefix: str) -> int:
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
    return 1 + max((int(match[1]) for key in keys if (match := pattern.match(key))), default=-1)


def _up_level(key: str, levels: int) -> str:
    """diffusers counts the decoder's levels from the coarsest, and the published names from the
    finest.
    """

    def block(match: re.Match[str]) -> str:
        return f".up_blocks.{levels - 1 - int(match[1])}."

    key = re.sub(r"\.up\.(\d+)\.", block, key)
    return key.replace(".block.", ".resnets.").replace(".upsample.", ".upsamplers.0.")


def _as_linear(key: str, tensor: Tensor) -> Tensor:
    """Attention's 1 x 1 convolutions are linear layers in diffusers."""
    if ".attentions." in key and tensor.ndim == 4:
        return tensor[:, :, 0, 0]
    return tensor
