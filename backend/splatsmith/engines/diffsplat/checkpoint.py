"""Loading DiffSplat's checkpoints: foreign key names, sizes inferred from them, unused parts.

The only place that knows how the published files name their tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from ...contract.cards import Checkpoint
from ...errors import WeightsDamaged
from ...nn.checkpoint_files import (
    REMEDY,
    Shapes,
    TensorFiles,
    config_file,
    read_config,
    tensor_files,
)
from ...nn.checkpoint_loading import KeyPrefixes, LoadOptions, load_network
from ...nn.diffusers_config import Config, from_config
from .denoisers import (
    MultiViewControlNet,
    MultiViewDenoiser,
    MultiViewUNet,
    build_control_net,
    build_pixart,
    build_sd3,
    build_unet,
    crop_pos_embed,
)
from .elevest import ElevEst, ElevEstConfig
from .gsvae import CHANNELS, GSVAE, LatentScale

BUILDERS: dict[str, Callable[[Config, int], MultiViewDenoiser]] = {
    "unet": build_unet,
    "pixart": build_pixart,
    "sd3": build_sd3,
}
GSVAE_UNUSED: KeyPrefixes = ("tiny_decoder.", "vae.encoder.", "vae.quant_conv.")
VAE_UNUSED: KeyPrefixes = ("decoder.", "post_quant_conv.")
DINOV2_HEAD_WIDTH = 64  # of attention, in every size

_GSVAE_WIDTHS = r"vae\.encoder\.down_blocks\.\d+\.resnets\.0\.conv1\.weight"
_GSVAE_LAYERS = r"vae\.encoder\.down_blocks\.0\.resnets\.\d+\.conv1\.weight"
_CONTROL_EMBEDDING = r"controlnet_cond_embedding\.(conv_in|blocks\.\d*[13579])\.weight"

# Attention in autoencoders that were published before 2023.
_VAE_KEYS = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
# DINOv2's own names, by those of transformers.
_DINOV2_KEYS = {
    "backbone.patch_embed.proj.": "backbone.embeddings.patch_embeddings.projection.",
    "backbone.cls_token": "backbone.embeddings.cls_token",
    "backbone.mask_token": "backbone.embeddings.mask_token",
    "backbone.register_tokens": "backbone.embeddings.register_tokens",
    "backbone.pos_embed": "backbone.embeddings.position_embeddings",
    "backbone.norm.": "backbone.layernorm.",
    "backbone.blocks.": "backbone.encoder.layer.",
    ".attn.proj.": ".attention.o_proj.",
    ".ls1.gamma": ".layer_scale1.lambda1",
    ".ls2.gamma": ".layer_scale2.lambda1",
}


def load_denoiser(
    network: str, checkpoint: Checkpoint, views: int, options: LoadOptions
) -> MultiViewDenoiser:
    """A "unet", "pixart" or "sd3" for `views` views, the condition view included."""
    config = read_config(config_file(checkpoint))
    with torch.device("meta"):
        denoiser = BUILDERS[network](config, views)
    load_network(denoiser.network, tensor_files(checkpoint), options)
    crop_pos_embed(denoiser)
    return denoiser.eval()


def load_control_net(
    checkpoint: Checkpoint, unet: MultiViewUNet, options: LoadOptions
) -> MultiViewControlNet:
    files = tensor_files(checkpoint)
    with torch.device("meta"):
        control_net = build_control_net(unet, control_embedding_channels(files.shapes()))
    load_network(control_net.network, files, options)
    return control_net.eval()


def load_gsvae(files: TensorFiles, scale: LatentScale, options: LoadOptions) -> GSVAE:
    """The decoder; the encoder is left out."""
    with torch.device("meta"):
        gsvae = GSVAE(gsvae_config(files.shapes()), scale)
        gsvae.vae.encoder, gsvae.vae.quant_conv = nn.Identity(), None  # pyright: ignore
    load_network(gsvae, files, options, unused=GSVAE_UNUSED)
    return gsvae


def load_image_encoder(checkpoint: Checkpoint, options: LoadOptions) -> AutoencoderKL:
    """The base model's image VAE; its decoder is left out."""
    config = read_config(config_file(checkpoint))
    with torch.device("meta"):
        encoder = from_config(AutoencoderKL, config)
        encoder.decoder, encoder.post_quant_conv = nn.Identity(), None  # pyright: ignore
    load_network(encoder, tensor_files(checkpoint), options, rename_vae_keys, VAE_UNUSED)
    return encoder


def load_elevest(files: TensorFiles, options: LoadOptions) -> ElevEst:
    with torch.device("meta"):
        elevest = ElevEst(elevest_config(files.shapes()))
    load_network(elevest, files, options, rename_elevest_keys)
    return elevest


def gsvae_config(shapes: Shapes) -> dict[str, object]:
    """Of a GSVAE, which is published without one.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    widths = [shape[0] for _, shape in _matching(_GSVAE_WIDTHS, shapes)]
    return {
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "block_out_channels": widths,
        "layers_per_block": len(_matching(_GSVAE_LAYERS, shapes)),
        "latent_channels": _matching(r"vae\.decoder\.conv_in\.weight", shapes)[0][1][1],
        "use_quant_conv": "vae.quant_conv.weight" in shapes,
        "use_post_quant_conv": "vae.post_quant_conv.weight" in shapes,
    }


def control_embedding_channels(shapes: Shapes) -> tuple[int, ...]:
    """Widths of a ControlNet's image embedding; its published configuration is wrong.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    found = dict(_matching(_CONTROL_EMBEDDING, shapes))
    first = found.pop("controlnet_cond_embedding.conv_in.weight", None)
    if first is None:
        raise WeightsDamaged("The checkpoint is no ControlNet.", REMEDY)
    return (first[0], *(shape[0] for shape in found.values()))


def elevest_config(shapes: Shapes) -> ElevEstConfig:
    """Of ElevEst, which is published without one.

    Raises:
        WeightsDamaged: the shapes are another network's.
    """
    width = _matching(r"backbone\.cls_token", shapes)[0][1][-1]
    return ElevEstConfig(
        width=width,
        depth=len(_matching(r"backbone\.blocks\.\d+\.norm1\.weight", shapes)),
        heads=max(1, width // DINOV2_HEAD_WIDTH),
        bins=_matching("lower_bounds", shapes)[0][1][0],
    )


def rename_vae_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """To the keys of diffusers' present AutoencoderKL."""
    return {
        _replace(key, _VAE_KEYS) if ".attentions." in key else key: tensor
        for key, tensor in tensors.items()
    }


def rename_elevest_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """To the keys of transformers' DINOv2, with separate queries, keys and values."""
    renamed: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if ".attn.qkv." in key:
            for part, chunk in zip("qkv", tensor.chunk(3), strict=True):
                separate = key.replace("attn.qkv", f"attention.{part}_proj")
                renamed[_replace(separate, _DINOV2_KEYS)] = chunk
        else:
            renamed[_replace(key, _DINOV2_KEYS)] = tensor
    return renamed


def _replace(key: str, parts: Mapping[str, str]) -> str:
    for published, own in parts.items():
        key = key.replace(published, own)
    return key


def _matching(pattern: str, shapes: Shapes) -> list[tuple[str, tuple[int, ...]]]:
    """Keys and shapes, sorted; at least one.

    Raises:
        WeightsDamaged: none matches.
    """
    found = sorted(item for item in shapes.items() if re.fullmatch(pattern, item[0]))
    if not found:
        raise WeightsDamaged("The checkpoint is of another network.", REMEDY)
    return found
