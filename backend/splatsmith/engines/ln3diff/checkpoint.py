"""Published weights as the networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

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
_UNUSED_BY_DENOISER = re.compile(
    r"clip_spatial_proj\.|blocks\.\d+\.attention_y_norm\.|ema_latent_(std|mean)$"
)
UNUSED_BY_DECODER = ("w_avg", "superresolution.quant_conv.")


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


def _levels(keys: Mapping[str, Tensor], prefix: str) -> int:
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
