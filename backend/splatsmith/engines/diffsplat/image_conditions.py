"""The condition picture or control map, and the cameras, as the denoiser's inputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from ...contract.cards import ConditionKind
from ..base import EngineInputs
from .cameras import camera_to_world, intrinsics, plucker_rays, resize_rays
from .card import MAPS, Settings
from .denoisers import TextEmbeddings
from .image_preparation import control_views, gaussian_blob, prepare_map, prepare_picture
from .networks import VIEWS, Networks
from .sampling import DenoiserInputs, guidance_weights

PIXELS_PER_LATENT = 8  # along a side, of splat images and pictures


@dataclass(frozen=True)
class ImageCondition:
    """elevation: of the cameras, degrees.

    picture: [1, C, h, w] latents.
    control: [1, 3, H, W] the map, 0..1.
    """

    elevation: float
    picture: Tensor | None = None
    control: Tensor | None = None


def map_kind(inputs: EngineInputs) -> ConditionKind | None:
    """Of the control map given: depth, normal or canny; the card allows only one."""
    return next((kind for kind in MAPS if kind in inputs.pictures), None)


def prepare_image_condition(
    inputs: EngineInputs, settings: Settings, networks: Networks, size: int
) -> ImageCondition:
    """Encode the picture, or prepare the map, for latents of side `size`.

    Raises:
        UnreadablePicture: there is no object in it.
        WeightsMissing, WeightsDamaged: what the names say.
    """
    pixels = size * PIXELS_PER_LATENT
    if kind := map_kind(inputs):
        control = prepare_map(kind, inputs.pictures[kind], pixels)
        return ImageCondition(settings.elevation, control=control)
    cutout = inputs.pictures.get(ConditionKind.IMAGE)
    if cutout is None:
        return ImageCondition(settings.elevation)
    picture = prepare_picture(cutout, pixels, settings.preparation).to(networks.offload.device)
    elevation = settings.elevation
    if settings.estimate_elevation:
        elevest = networks.elevest()
        with networks.offload.on_device(elevest):
            elevation = float(elevest(picture).elevation)
    encoder = networks.image_encoder()
    with networks.offload.on_device(encoder):
        return ImageCondition(elevation, picture=encode_image(encoder, picture))


def encode_image(encoder: AutoencoderKL, picture: Tensor) -> Tensor:
    """[1, 3, H, W] in 0..1 to latents [1, C, h, w]: the posterior's mode, scaled.

    Never shifted, though Stable Diffusion 3's latents are: as in the published program.
    """
    posterior = encoder.encode(2 * picture - 1, return_dict=False)[0]
    return posterior.mode() * encoder.config["scaling_factor"]


def initial_latents(
    settings: Settings, networks: Networks, size: int, noise: Tensor
) -> Tensor | None:
    """[V, C, h, w] of side `size` to start sampling from; None for pure noise.

    Args:
        noise: as in `encode_blob`.

    Raises:
        WeightsMissing, WeightsDamaged: what the names say.
    """
    if not settings.blob:
        return None
    pixels = size * PIXELS_PER_LATENT
    blob = gaussian_blob(pixels, settings.blob_size, settings.blob_background).to(noise.device)
    encoder = networks.image_encoder()
    with networks.offload.on_device(encoder):
        return encode_blob(encoder, blob, noise)


def encode_blob(encoder: AutoencoderKL, blob: Tensor, noise: Tensor) -> Tensor:
    """[1, 3, H, W] in 0..1 to latents [V, C, h, w]: a sample of the posterior for each view.

    Args:
        noise: [V, C, h, w], unit variance.
    """
    posterior = encoder.encode(2 * blob - 1, return_dict=False)[0]
    sample = posterior.mean + posterior.std * noise
    shift = encoder.config["shift_factor"] or 0.0
    return (sample - shift) * encoder.config["scaling_factor"]


def build_denoiser_inputs(
    text: TextEmbeddings, image: ImageCondition, settings: Settings, size: int
) -> DenoiserInputs:
    """For latents of side `size`, on the text's device."""
    cameras, pixels = camera_to_world(image.elevation), size * PIXELS_PER_LATENT
    rays = resize_rays(plucker_rays(cameras, intrinsics(VIEWS), pixels, pixels), size)
    if image.picture is not None:  # taken by the front camera
        rays = torch.cat([rays[:1], rays])
    control = None if image.control is None else control_views(image.control, VIEWS)
    guidance = settings.guidance_of(has_picture=image.picture is not None)
    minimum = settings.least_guidance if settings.triangle else None
    inputs = DenoiserInputs(
        text.tokens,
        rays,
        text.mask,
        text.pooled,
        guidance_weights(guidance, VIEWS, minimum),
        image.picture,
        None if control is None else control.to(text.tokens.dtype),
        torch.tensor(settings.control_strength),
        settings.guess,
    )
    return inputs.map(lambda tensor: tensor.to(text.tokens.device))
