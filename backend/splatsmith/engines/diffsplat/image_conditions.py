"""What the denoiser is shown besides the text: a picture or a map, and where the cameras stand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...contract.cards import ConditionKind
from ..base import EngineInputs
from .cameras import camera_to_world, intrinsics, plucker_maps, shrink_maps
from .control_maps import show_map
from .denoisers import Text
from .image_encoder import encode_picture
from .image_preparation import show_control, show_picture
from .loaded_networks import VIEWS, Networks
from .sampling import Told, guidance_weights
from .settings import Settings, chosen_map

PIXELS = 8  # of a splat image, or a picture, along a latent's side


@dataclass(frozen=True)
class Seen:
    """elevation: of the cameras, degrees.

    picture: [1, C, h, w] latents.
    control: [1, 3, H, W] the map, 0..1.
    """

    elevation: float
    picture: Tensor | None = None
    control: Tensor | None = None


def look(inputs: EngineInputs, settings: Settings, networks: Networks, size: int) -> Seen:
    """At the picture or the map, for latents of `size` a side.

    Raises:
        UnreadablePicture: there is no object in it.
        WeightsMissing, WeightsDamaged: what the names say.
    """
    pixels = size * PIXELS
    if kind := chosen_map(inputs):
        return Seen(settings.elevation, control=show_map(kind, inputs.pictures[kind], pixels))
    if ConditionKind.IMAGE not in inputs.pictures:
        return Seen(settings.elevation)
    cutout = inputs.pictures[ConditionKind.IMAGE]
    picture = show_picture(cutout, pixels, settings.preparation).to(networks.residence.device)
    elevation = settings.elevation
    if settings.estimate_elevation:
        elevest = networks.elevest()
        with networks.residence.at_work(elevest):
            elevation = float(elevest(picture).elevation)
    encoder = networks.picture_encoder()
    with networks.residence.at_work(encoder):
        return Seen(elevation, picture=encode_picture(encoder, picture))


def tell(text: Text, seen: Seen, settings: Settings, size: int) -> Told:
    """All that the denoiser is told, for latents of `size` a side, on the text's device."""
    cameras, pixels = camera_to_world(seen.elevation), size * PIXELS
    rays = shrink_maps(plucker_maps(cameras, intrinsics(VIEWS), pixels, pixels), size)
    if seen.picture is not None:  # taken by the front camera
        rays = torch.cat([rays[:1], rays])
    control = None if seen.control is None else show_control(seen.control, VIEWS)
    told = Told(
        text.tokens,
        rays,
        text.mask,
        text.pooled,
        guidance_weights(
            settings.guidance, VIEWS, settings.least_guidance if settings.triangle else None
        ),
        seen.picture,
        None if control is None else control.to(text.tokens.dtype),
        torch.tensor(settings.control_strength),
        settings.guess,
    )
    return told.map(lambda tensor: tensor.to(text.tokens.device))
