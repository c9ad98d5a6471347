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
from .depth_planes import SplatGeometry, depth_planes
from .gaussian_batch import GaussianBatch
from .rendering import EPS2D, MAX_ALPHA, Rendering, surface_offset

log = logging.getLogger(__name__)

_ALL_BATCHES = 1 << 30  # more batches of Gaussians than a tile can have
# In one call: a pixel takes about 2 KB of memory, a Gaussian in one camera 200 bytes.
_MAX_PIXELS, _MAX_SPLATS = 1 << 19, 1 << 21
_TILE = 16  # pixels a side
_LOG_HALF = math.log(0.5)


@cache
def has_kernels() -> bool:
    """Whether gsplat's CUDA kernels are available; the first call compiles them, for minutes.

    That needs CUDA's compiler, which few users have.
    """
    try:
        from gsplat.cuda import _backend  # importing it compiles the kernels
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
    tensors = _CloudTensors.of(cloud, device)
    background_color = torch.tensor(background, device=device)
    views, intrinsics = _tensor(cameras.viewmats, device), _tensor(cameras.Ks, device)
    shape = (len(views), cameras.height, cameras.width)
    # Copies to pinned memory overlap with the rasterisation of the next images.
    colors, alphas, depths = (torch.empty(shape + more, pin_memory=True) for more in ((3,), (), ()))
    batch_size = max(1, min(_MAX_PIXELS // (shape[1] * shape[2]), _MAX_SPLATS // len(cloud)))
    for first in range(0, len(views), batch_size):
        batch = slice(first, first + batch_size)
        size = (cameras.width, cameras.height)
        camera = CameraTensors(views[batch], intrinsics[batch], *size, cameras.near, eps2d)
        color, alpha, info = _rasterize(tensors, camera)
        colors[batch].copy_(color + (1 - alpha) * background_color, non_blocking=True)
        alphas[batch].copy_(alpha[..., 0], non_blocking=True)
        depths[batch].copy_(_depths(tensors, camera, info), non_blocking=True)
    torch.cuda.synchronize(device)
    return Rendering(colors.numpy(), alphas.numpy(), depths.numpy())


def blend(splats: Tensor, fixed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Colours [3, S, S] over black and alphas [S, S] of splats; differentiable.

    Args:
        splats: [N, 9], columns as `blend_gradients.GRADIENT_COLUMNS`.
        fixed: [N, 3], depths and extents in pixels; a splat of an extent below 0 is left out.
        size: pixels a side.
    """
    positions, conics, opacities, colors = splats[None].split((2, 3, 1, 3), -1)
    tiles = math.ceil(size / _TILE)
    extents, depths = fixed[None, :, 1:].ceil().int(), fixed[None, :, 0]
    _, keys, members = isect_tiles(positions.detach(), extents, depths, _TILE, tiles, tiles)
    offsets = isect_offset_encode(keys, 1, tiles, tiles).reshape(1, tiles, tiles)
    image, alphas = rasterize_to_pixels(
        positions, conics, colors, opacities[..., 0], size, size, _TILE, offsets, members
    )
    return image[0].movedim(-1, 0), alphas[0, ..., 0]


def render_colors(gaussians: GaussianBatch, cameras: CameraTensors, background: Tensor) -> Tensor:
    """[C, H, W, 3] of the batch's first cloud over the background [3], on its device."""
    colors, alphas, _ = rasterization(
        means=gaussians.means[0],
        quats=gaussians.quats[0],
        scales=gaussians.scales[0],
        opacities=gaussians.opacities[0],
        colors=gaussians.colors[0],
        viewmats=cameras.viewmats,
        Ks=cameras.ks,
        width=cameras.width,
        height=cameras.height,
        near_plane=cameras.near,
        eps2d=cameras.eps2d,
        packed=False,
    )
    return colors + (1 - alphas) * background


@dataclass(frozen=True)
class CameraTensors:
    """viewmats [C, 4, 4], ks [C, 3, 3]; the others as in `Cameras` and `rasterize`."""

    viewmats: Tensor
    ks: Tensor
    width: int
    height: int
    near: float
    eps2d: float = EPS2D


@dataclass(frozen=True)
class _CloudTensors:
    """A cloud on the device; harmonics [N, K, 3], covariances [N, 3, 3], surface_offsets [N]."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    harmonics: Tensor
    covariances: Tensor
    surface_offsets: Tensor
    degree: int

    @classmethod
    def of(cls, cloud: GaussianCloud, device: str) -> _CloudTensors:
        axes = _tensor(rotation_matrices(cloud.quats) * cloud.scales[:, None, :], device)
        return cls(
            means=_tensor(cloud.means, device),
            quats=_tensor(cloud.quats, device),
            scales=_tensor(cloud.scales, device),
            opacities=_tensor(cloud.opacities, device),
            harmonics=_tensor(np.concatenate([cloud.sh0[:, None], cloud.shN], axis=1), device),
            covariances=axes @ axes.mT,
            surface_offsets=_tensor(surface_offset(cloud.opacities), device),
            degree=cloud.degree,
        )


def _rasterize(
    cloud: _CloudTensors, cameras: CameraTensors
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Colours [C, H, W, 3] over black, alphas [C, H, W, 1], and gsplat's intermediate results."""
    return rasterization(
        means=cloud.means,
        quats=cloud.quats,
        scales=cloud.scales,
        opacities=cloud.opacities,
        colors=cloud.harmonics,
        viewmats=cameras.viewmats,
        Ks=cameras.ks,
        width=cameras.width,
        height=cameras.height,
        near_plane=cameras.near,
        eps2d=cameras.eps2d,
        sh_degree=cloud.degree,
        packed=False,
    )


def _depths(cloud: _CloudTensors, cameras: CameraTensors, info: dict[str, Any]) -> Tensor:
    """[C, H, W] median depths, which gsplat does not blend, from its lists of contributions."""
    count, size = len(cameras.viewmats), (cameras.width, cameras.height)
    pixels_each = size[0] * size[1]
    gaussians, pixels, images = rasterize_to_indices_in_range(
        range_start=0,
        range_end=_ALL_BATCHES,
        transmittances=torch.ones(count, *reversed(size), device=cloud.means.device),
        means2d=info["means2d"],
        conics=info["conics"],
        opacities=info["opacities"],
        image_width=size[0],
        image_height=size[1],
        tile_size=info["tile_size"],
        isect_offsets=info["isect_offsets"],
        flatten_ids=info["flatten_ids"],
    )
    centers = torch.stack([pixels % size[0], pixels // size[0]], dim=1) + 0.5
    alphas = _alphas(centers - info["means2d"][images, gaussians], images, gaussians, info)
    chosen = _crosses_half(torch.log1p(-alphas), images * pixels_each + pixels)
    gaussians, centers = gaussians[chosen], centers[chosen]
    pixels, images = pixels[chosen], images[chosen]
    # One camera per pixel, with one Gaussian each.
    single = SplatGeometry(
        cloud.means[gaussians, None],
        cloud.covariances[gaussians, None],
        cloud.surface_offsets[gaussians, None],
    )
    ks = cameras.ks[images]
    planes = depth_planes(single, cameras.viewmats[images], ks, size, cameras.eps2d)
    constant, across, down = planes[:, 0].T
    x, y = (centers - ks[:, :2, 2]).T
    depths = torch.zeros(count, pixels_each, device=cloud.means.device)
    depths[images, pixels] = constant + across * x + down * y
    return depths.reshape(count, size[1], size[0])


def _alphas(offsets: Tensor, images: Tensor, gaussians: Tensor, info: dict[str, Any]) -> Tensor:
    """[m] alphas of Gaussians [m] in images [m], at `offsets` [m, 2] pixels from their centres."""
    (xx, xy, yy), (dx, dy) = info["conics"][images, gaussians].T, offsets.T
    distances = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
    return (info["opacities"][images, gaussians] * torch.exp(-distances)).clamp(max=MAX_ALPHA)


def _crosses_half(log_transmittances: Tensor, pixels: Tensor) -> Tensor:
    """[m] whether a pixel's transmittance falls below one half at this contribution.

    Args:
        log_transmittances: [m] of the contributions alone, front to back within each pixel.
        pixels: [m] the pixels' indices, equal ones adjacent.
    """
    total = log_transmittances.double().cumsum(0)
    _, counts = torch.unique_consecutive(pixels, return_counts=True)
    first = counts.cumsum(0) - counts
    earlier = (total[first] - log_transmittances[first]).repeat_interleave(counts)
    after = total - earlier
    return (after < _LOG_HALF) & (after - log_transmittances >= _LOG_HALF)


def _tensor(array: object, device: str) -> Tensor:
    return torch.as_tensor(array, device=device)
