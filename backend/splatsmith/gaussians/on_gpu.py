"""Splatting on CUDA, by gsplat."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from gsplat import rasterization, rasterize_to_indices_in_range
from torch import Tensor

from ..contract.cloud import GaussianCloud
from ..contract.transform import rotation_matrices
from .cameras import Cameras
from .planes import depth_planes
from .rendering import MAX_ALPHA, NEAR_PLANE, Rendering, skin

log = logging.getLogger(__name__)

_TO_THE_END = 1 << 30  # more lists of Gaussians than a tile can have
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
    drawn: list[tuple[Tensor, Tensor, Tensor]] = []
    for view, k in zip(views.split(1), intrinsics.split(1), strict=True):
        camera = _Camera(view, k, cameras.width, cameras.height, eps2d)
        color, alpha, lists = _draw(splats, camera)
        drawn.append((color + (1 - alpha) * behind, alpha[..., 0], _depths(splats, camera, lists)))
    colors, alphas, depths = (torch.cat(layer).cpu().numpy() for layer in zip(*drawn, strict=True))
    return Rendering(colors, alphas, depths)


@dataclass(frozen=True)
class _Camera:
    """viewmat [1, 4, 4], k [1, 3, 3]."""

    viewmat: Tensor
    k: Tensor
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


def _draw(splats: _Splats, camera: _Camera) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Colours [1, H, W, 3] over black, alphas [1, H, W, 1], and gsplat's lists of what is where."""
    return rasterization(
        means=splats.means,
        quats=splats.quats,
        scales=splats.scales,
        opacities=splats.opacities,
        colors=splats.harmonics,
        viewmats=camera.viewmat,
        Ks=camera.k,
        width=camera.width,
        height=camera.height,
        near_plane=NEAR_PLANE,
        eps2d=camera.eps2d,
        sh_degree=splats.degree,
        packed=False,
    )


def _depths(splats: _Splats, camera: _Camera, lists: dict[str, Any]) -> Tensor:
    """[1, H, W]: where half of the light is gone. gsplat blends no such thing; its lists tell."""
    height, width = camera.height, camera.width
    which, pixels, _ = rasterize_to_indices_in_range(
        range_start=0,
        range_end=_TO_THE_END,
        transmittances=torch.ones(1, height, width, device=splats.means.device),
        means2d=lists["means2d"],
        conics=lists["conics"],
        opacities=lists["opacities"],
        image_width=width,
        image_height=height,
        tile_size=lists["tile_size"],
        isect_offsets=lists["isect_offsets"],
        flatten_ids=lists["flatten_ids"],
    )
    spots = torch.stack([pixels % width, pixels // width], dim=1) + 0.5
    alphas = _alphas(spots - lists["means2d"][0, which], which, lists)
    halving = _is_halving(torch.log1p(-alphas), pixels)
    which, spots, pixels = which[halving], spots[halving], pixels[halving]
    gaussians = (splats.means[which], splats.covariances[which], splats.skins[which])
    planes = depth_planes(gaussians, camera.viewmat, camera.k, (width, height), camera.eps2d)
    constant, across, down = planes[0].T
    x, y = (spots - camera.k[0, :2, 2]).T
    depths = torch.zeros(height * width, device=splats.means.device)
    depths[pixels] = constant + across * x + down * y
    return depths.reshape(1, height, width)


def _alphas(offsets: Tensor, which: Tensor, lists: dict[str, Any]) -> Tensor:
    """[m] what Gaussians `which` [m] cover, `offsets` [m, 2] pixels from their centres."""
    (xx, xy, yy), (dx, dy) = lists["conics"][0, which].T, offsets.T
    distances = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
    return (lists["opacities"][0, which] * torch.exp(-distances)).clamp(max=MAX_ALPHA)


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
