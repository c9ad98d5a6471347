"""The picture as Zero123++ takes it: a reference for attention, and an addition to the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...conditioning.framing import frame_cutout
from ...errors import WeightsDamaged
from ...nn.checkpoint_files import REMEDY
from ...nn.diffusers_config import Config
from .networks import Networks
from .sampling import DrawNoise

PICTURE_SIZE = 320
PREPROCESSOR = "preprocessor_config.json"
NO_PROMPT = ("",)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PictureCondition:
    """Of [unconditional, conditional].

    text: [2, L, D]. reference: [2, 4, H, W] latents, not scaled.
    """

    text: Tensor
    reference: Tensor


def prepare_picture(cutout: Pixels, foreground_ratio: float) -> Pixels:
    """A cut-out object [H, W, 4] in the middle of a white square, [320, 320, 3].

    Raises:
        UnreadablePicture: nothing in it is opaque.
    """
    framed = frame_cutout(cutout, PICTURE_SIZE, foreground_ratio)[:3]
    pixels = np.rint((framed.transpose(1, 2, 0) + 1) * 127.5).clip(0, 255)
    return np.ascontiguousarray(pixels, np.uint8)


def encode_picture(picture: Pixels, networks: Networks, draw_noise: DrawNoise) -> PictureCondition:
    """A prepared picture by the base model's encoders.

    Raises:
        WeightsMissing, WeightsDamaged: what the names say.
    """
    offload, device = networks.offload, networks.offload.device
    vision, text, encoder = (
        networks.vision_encoder(),
        networks.text_encoder(),
        networks.encoder(),
    )
    with offload.on_device(vision):
        pixels = preprocess(picture, networks.base_config(f"feature_extractor_clip/{PREPROCESSOR}"))
        embedding = vision(pixels.to(device, networks.dtype))[0]
    with offload.on_device(text):
        tokens = text(NO_PROMPT).tokens
    with offload.on_device(encoder):
        pixels = preprocess(picture, networks.base_config(f"feature_extractor_vae/{PREPROCESSOR}"))
        pixels = pixels.to(device)
        conditional = encode_reference(encoder, pixels, draw_noise)
        unconditional = encode_reference(encoder, torch.zeros_like(pixels), draw_noise)
    ramp = _ramp(networks.base_config("model_index.json"), tokens)
    return PictureCondition(
        torch.cat([tokens, tokens + ramp * embedding[:, None]]),
        torch.cat([unconditional, conditional]),
    )


def encode_reference(encoder: AutoencoderKL, pixels: Tensor, draw_noise: DrawNoise) -> Tensor:
    """[1, 3, H, W] to a sample of the posterior, [1, 4, H / 8, W / 8]; not scaled, as published."""
    posterior = encoder.encode(pixels, return_dict=False)[0]
    return posterior.mean + posterior.std * draw_noise(tuple(posterior.mean.shape))


def preprocess(picture: Pixels, config: Config) -> Tensor:
    """A square picture [S, S, 3], resized and normalized as the configuration says: [1, 3, H, H].

    Raises:
        WeightsDamaged: it says nothing of that.
    """
    try:
        size = config["size"]
        side = size["shortest_edge"] if isinstance(size, dict) else int(str(size))
        mean, std = (torch.tensor(config[key]) for key in ("image_mean", "image_std"))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsDamaged("A picture's preprocessing is not described.", REMEDY) from error
    resized = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    colors = torch.from_numpy(np.asarray(resized, np.float32) / 255)
    return ((colors - mean) / std).permute(2, 0, 1)[None].float()


def _ramp(config: Config, tokens: Tensor) -> Tensor:
    """[L, 1], by how much each token of the text gets the picture's embedding added."""
    coefficients = config.get("ramping_coefficients")
    if not isinstance(coefficients, list) or len(coefficients) != tokens.shape[1]:
        raise WeightsDamaged("The base model's model_index.json has no ramp.", REMEDY)
    return torch.tensor(coefficients).to(tokens)[:, None]
