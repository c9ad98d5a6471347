"""The base model's image encoder: a picture to the latents that the denoisers know."""

from __future__ import annotations

from collections.abc import Mapping

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from ...nn.diffusers_config import from_config

UNUSED = ("decoder.", "post_quant_conv.")  # pictures are only encoded

# Of attention in autoencoders that were published before 2023.
_OLD_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}


def make_picture_encoder(config: Mapping[str, object]) -> AutoencoderKL:
    """From the base model's configuration."""
    return from_config(AutoencoderKL, config)


def encode_picture(encoder: AutoencoderKL, picture: Tensor) -> Tensor:
    """[1, 3, H, W] in 0..1 to latents [1, C, h, w]: the posterior's mode, scaled.

    Not shifted even where the base model's latents are, as in the published program.
    """
    posterior = encoder.encode(2 * picture - 1, return_dict=False)[0]
    return posterior.mode() * encoder.config["scaling_factor"]


def own_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The checkpoint's parameters under the stock class's present names."""
    return {_own_name(name): tensor for name, tensor in tensors.items()}


def _own_name(name: str) -> str:
    if ".attentions." in name:
        for old, new in _OLD_NAMES.items():
            name = name.replace(old, new)
    return name
