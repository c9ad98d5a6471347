"""Splatting on CUDA, by gsplat."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from gsplat import (
    isect_offset_encode,
    isect_tiles,
    rasterization,
    rasterize_to_indices_in_range,
    rasterize_to_pixels,
)
from torch import Tensor

from ..contract.cloud import GaussianCloud
from ..contract.transform import rotation_matrices
from .cameras import Cameras
from .depth_planes import depth_planes
from .rendering import MAX_ALPHA, NEAR_PLANE, Rendering, skin

log = logging.getLogger(__name__)

_TO_THE_END = 1 << 30  # more lists of Gaussians than a tile can have
# Drawn at once: what a pixel shows takes about 2 KB, what a camera makes of a Gaussian 200 bytes.
_MOST_PIXELS, _MOST_SPLATS = 1 << 19, 1 << 21
_TILE = 16  # pixels a side
_LOG_HALF = math.log(0.5)


@cache
def has_kernels() -> bool:
    """Whether gsplat's CUDA kernels are here; at first they are compiled, which takes minutes.

    That needs CUDA's compiler, which few artists have.
    """
    try:
        from gsplat.cuda import _backend  # importing it compiles: not before it is wanted
    except (ImportError, OSError, RuntimeError) as error:
        log.warning("gsplat's kernels cannot be compiled; the CPU draws instead: %s", error)
        return False
    found = getattr(_backend, "_C", None) is not None
    if not found:
        log.warning("gsplat's kernels need CUDA's compiler, nvcc; the CPU draws instead")
    return found


@torch.inference_mode()
def rasterize_gpu(
    cloud: GaussianCloud,
    cameras: Cameras,
    background: tuple[float, float, float],
    eps2d: float,
    device: str,
) -> Rendering:
    """As `rasterize`, on a CUDA device."""
    splats = _Splats.of(cloud, device)
    behind = torch.tensor(background, device=device)
    views, intrinsics = _tensor(cameras.viewmats, device), _tensor(cameras.Ks, device)
    shape = (len(views), cameras.height, cameras.width)
    # Copies to pinned memory go on while the next pictures are drawn.
    colors, alphas, depths = (torch.empty(shape + more, pin_memory=True) for more in ((3,), (), ()))
    at_once = max(1, min(_MOST_PIXELS // (shape[1] * shape[2]), _MOST_SPLATS // len(cloud)))
    for first in range(0, len(views), at_once):
        few = slice(first, first + at_once)
        size = (cameras.width, cameras.height)
        camera = _Cameras(views[few], intrinsics[few], *size, eps2d)
        color, alpha, lists = _draw(splats, camera)
        colors[few].copy_(color + (1 - alpha) * behind, non_blocking=True)
        alphas[few].copy_(alpha[..., 0], non_blocking=True)
        depths[few].copy_(_depths(splats, camera, lists), non_blocking=True)
    torch.cuda.synchronize(device)
    return Rendering(colors.numpy(), alphas.numpy(), depths.numpy())


def blend(learnt: Tensor, fixed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Colours [3, S, S] over black and alphas [S, S] of splats; may be differentiated.

    Args:
        learnt: [N, 9], columns as `gradients.LEARNT`.
        fixed: [N, 3], depths and reaches in pixels; a reach below 0 leaves a splat out.
        size: pixels a side.
    """
    places, conics, opacities, colors = learnt[None].split((2, 3, 1, 3), -1)
    tiles = math.ceil(size / _TILE)
    reaches = fixed[None, :, 1:].ceil().int()
    _, met, members = isect_tiles(places.detach(), reaches, fixed[None, :, 0], _TILE, tiles, tiles)
    offsets = isect_offset_encode(met, 1, tiles, tiles).reshape(1, tiles, tiles)
    drawn, alphas = rasterize_to_pixels(
        places, conics, colors, opacities[..., 0], size, size, _TILE, offsets, members
    )
    return drawn[0].movedim(-1, 0), alphas[0, ..., 0]


@dataclass(frozen=True)
class _Cameras:
    """viewmats [C, 4, 4], ks [C, 3, 3]."""

    viewmats: Tensor
    ks: Tensor
    width: int
    height: int
    eps2d: float


@dataclass(frozen=True)
class _Splats:
    """A cloud on the device; harmonics [N, K, 3], covariances [N, 3, 3], skins [N]."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    harmonics: Tensor
    covariances: Tensor
    skins: Tensor
    degree: int

    @classmethod
    def of(cls, cloud: GaussianCloud, device: str) -> _Splats:
        axes = _tensor(rotation_matrices(cloud.quats) * cloud.scales[:, None, :], device)
        return cls(
            means=_tensor(cloud.means, device),
            quats=_tensor(cloud.quats, device),
            scales=_tensor(cloud.scales, device),
            opacities=_tensor(cloud.opacities, device),
            harmonics=_tensor(np.concatenate([cloud.sh0[:, None], cloud.shN], axis=1), device),
            covariances=axes @ axes.mT,
            skins=_tensor(skin(cloud.opacities), device),
            degree=cloud.degree,
        )


def _draw(splats: _Splats, cameras: _Cameras) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Colours [C, H, W, 3] over black, alphas [C, H, W, 1], and gsplat's lists of what is where."""
    return rasterization(
        means=splats.means,
        quats=splats.quats,
        scales=splats.scales,
        opacities=splats.opacities,
        colors=splats.harmonics,
        viewmats=cameras.viewmats,
        Ks=cameras.ks,
        width=cameras.width,
        height=cameras.height,
        near_plane=NEAR_PLANE,
        eps2d=cameras.eps2d,
        sh_degree=splats.degree,
        packed=False,
    )


def _depths(splats: _Splats, cameras: _Cameras, lists: dict[str, Any]) -> Tensor:
    """[C, H, W]: where half of the light is gone. gsplat blends no such thing; its lists tell."""
    count, size = len(cameras.viewmats), (cameras.width, cameras.height)
    pixels_each = size[0] * size[1]
    which, pixels, images = rasterize_to_indices_in_range(
        range_start=0,
        range_end=_TO_THE_END,
        transmittances=torch.ones(count, *reversed(size), device=splats.means.device),
        means2d=lists["means2d"],
        conics=lists["conics"],
        opacities=lists["opacities"],
        image_width=size[0],
        image_height=size[1],
        tile_size=lists["tile_size"],
        isect_offsets=lists["isect_offsets"],
        flatten_ids=lists["flatten_ids"],
    )
    spots = torch.stack([pixels % size[0], pixels // size[0]], dim=1) + 0.5
    alphas = _alphas(spots - lists["means2d"][images, which], (images, which), lists)
    halving = _is_halving(torch.log1p(-alphas), images * pixels_each + pixels)
    which, spots, pixels, images = (found[halving] for found in (which, spots, pixels, images))
    # Each pixel is asked of its own camera, as if that saw nothing but the one Gaussian.
    gaussians = (
        splats.means[which, None],
        splats.covariances[which, None],
        splats.skins[which, None],
    )
    ks = cameras.ks[images]
    planes = depth_planes(gaussians, cameras.viewmats[images], ks, size, cameras.eps2d)
    constant, across, down = planes[:, 0].T
    x, y = (spots - ks[:, :2, 2]).T
    depths = torch.zeros(count, pixels_each, device=splats.means.device)
    depths[images, pixels] = constant + across * x + down * y
    return depths.reshape(count, size[1], size[0])


def _alphas(offsets: Tensor, which: tuple[Tensor, Tensor], lists: dict[str, Any]) -> Tensor:
    """[m] what Gaussians cover, `offsets` [m, 2] pixels from their centres.

    Args:
        which: the cameras [m] and the Gaussians [m].
    """
    (xx, xy, yy), (dx, dy) = lists["conics"][which].T, offsets.T
    distances = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
    return (lists["opacities"][which] * torch.exp(-distances)).clamp(max=MAX_ALPHA)


def _is_halving(logs: Tensor, pixels: Tensor) -> Tensor:
    """[m] whether a pixel's light falls below one half here; pixels follow one after another.

    Args:
        logs: [m] of what each Gaussian lets through.
    """
    total = logs.double().cumsum(0)
    _, counts = torch.unique_consecutive(pixels, return_counts=True)
    first = counts.cumsum(0) - counts
    earlier = (total[first] - logs[first]).repeat_interleave(counts)
    after = total - earlier
    return (after < _LOG_HALF) & (after - logs >= _LOG_HALF)


def _tensor(array: object, device: str) -> Tensor:
    return torch.as_tensor(array, device=device)
