"""GSVAE: the autoencoder between latents and splat images, and splat images as Gaussians.

A splat image has 12 channels, all -1..1: rgb 3, scale 3, rotation 4 (wxyz), opacity 1, depth 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from ...gaussians.gaussian_batch import GaussianBatch
from ...nn.diffusers_config import from_config
from .cameras import unproject

CHANNELS = 12
MIN_SCALE, MAX_SCALE = 0.0005, 0.02


@dataclass(frozen=True)
class LatentScale:
    """Denoisers work on (latents - shift) * factor of the autoencoder's latents."""

    factor: float
    shift: float = 0.0

    def unscale(self, latents: Tensor) -> Tensor:
        """From the denoiser's latents to the autoencoder's."""
        return latents / self.factor + self.shift


class GSVAE(nn.Module):
    """diffusers' AutoencoderKL with 12 channels; checkpoints name it `vae`."""

    def __init__(self, config: Mapping[str, object], scale: LatentScale) -> None:
        super().__init__()
        self.vae = from_config(AutoencoderKL, config)
        self.scale = scale

    @property
    def latent_channels(self) -> int:
        return self.vae.config["latent_channels"]

    def decode(self, latents: Tensor) -> Tensor:
        """Denoised latents [V, C, h, w] to splat images [V, 12, 8 h, 8 w], not yet clamped."""
        z = self.scale.unscale(latents)
        return self.vae.decode(z, return_dict=False)[0]  # pyright: ignore[reportArgumentType]

    def decode_views(self, latents: Tensor, batched: bool) -> Tensor:
        """As `decode`, all views at once or, in a quarter of the memory, one by one."""
        parts = [latents] if batched else latents.split(1)
        return torch.cat([self.decode(part) for part in parts])


def to_gaussians(
    images: Tensor, c2w: Tensor, fxfycxcy: Tensor, opacity_threshold: float
) -> GaussianBatch:
    """Splat images [V, 12, H, W], clamped here to -1..1, to one cloud in order (view, row, column).

    Depth 0 is the plane through the origin. Quaternions are not normalised. Opacities up to
    `opacity_threshold` become 0.
    """
    colors, scales, quats, opacity, depth = images.float().clamp(-1, 1).split((3, 3, 4, 1, 1), 1)
    distance = c2w[:, :3, 3].norm(dim=-1)[:, None, None]
    opacity = 0.5 * opacity + 0.5
    weight = 0.5 * scales + 0.5  # 1 is the smallest scale
    return GaussianBatch(
        means=_flatten(unproject(depth[:, 0] + distance, c2w, fxfycxcy)),
        quats=_flatten(quats),
        scales=_flatten(MIN_SCALE * weight + MAX_SCALE * (1 - weight)),
        opacities=_flatten(torch.where(opacity > opacity_threshold, opacity, 0))[..., 0],
        colors=_flatten(0.5 * colors + 0.5),
    )


def _flatten(maps: Tensor) -> Tensor:
    """[V, C, H, W] to [1, V H W, C]."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)[None]
