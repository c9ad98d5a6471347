"""Splatting on CUDA, by gsplat."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from gsplat import rasterization, spherical_harmonics
from torch import Tensor

from ..contract.cloud import GaussianCloud
from ..contract.transform import rotation_matrices
from .cameras import Cameras
from .planes import depth_planes
from .rendering import NEAR_PLANE, Rendering

log = logging.getLogger(__name__)

_CAMERAS_AT_ONCE = 16  # bounds the memory of the lists of tiles
_SPLATS_AT_ONCE = 16_000_000  # and this that of colours and planes: Gaussians times cameras


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
    at_once = max(1, min(_CAMERAS_AT_ONCE, _SPLATS_AT_ONCE // len(cloud)))
    views = _tensor(cameras.viewmats, device).split(at_once)
    intrinsics = _tensor(cameras.Ks, device).split(at_once)
    behind = torch.tensor(background, device=device)
    parts = [
        _draw(splats, viewmats, ks, (cameras.width, cameras.height), eps2d)
        for viewmats, ks in zip(views, intrinsics, strict=True)
    ]
    drawn, alphas = (torch.cat(part) for part in zip(*parts, strict=True))
    colors = drawn[..., :3] + (1 - alphas) * behind
    depths = _depths(drawn[..., 3:], alphas[..., 0], *_middle(cameras))
    return Rendering(*(layer.cpu().numpy() for layer in (colors, alphas[..., 0], depths)))


@dataclass(frozen=True)
class _Splats:
    """A cloud on the device; harmonics [N, K, 3], covariances [N, 3, 3]."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    harmonics: Tensor
    covariances: Tensor
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
            degree=cloud.degree,
        )


def _draw(
    splats: _Splats, viewmats: Tensor, ks: Tensor, size: tuple[int, int], eps2d: float
) -> tuple[Tensor, Tensor]:
    """[C, H, W, 6] colours and depth planes, and alphas [C, H, W, 1]."""
    planes = depth_planes(splats.means, splats.covariances, viewmats, ks, size, eps2d)
    drawn, alphas, _ = rasterization(
        means=splats.means,
        quats=splats.quats,
        scales=splats.scales,
        opacities=splats.opacities,
        colors=torch.cat([_colors(splats, viewmats), planes], dim=2),
        viewmats=viewmats,
        Ks=ks,
        width=size[0],
        height=size[1],
        near_plane=NEAR_PLANE,
        eps2d=eps2d,
    )
    return drawn, alphas


def _colors(splats: _Splats, viewmats: Tensor) -> Tensor:
    """[C, N, 3] as each camera sees them."""
    positions = torch.linalg.inv(viewmats)[:, :3, 3]
    directions = splats.means[None] - positions[:, None]
    coefficients = splats.harmonics.expand(len(viewmats), -1, -1, -1)
    return (spherical_harmonics(splats.degree, directions, coefficients) + 0.5).clamp(min=0)


def _middle(cameras: Cameras) -> tuple[float, float]:
    return float(cameras.Ks[0, 0, 2]), float(cameras.Ks[0, 1, 2])


def _depths(planes: Tensor, alphas: Tensor, cx: float, cy: float) -> Tensor:
    """[C, H, W] from the blended planes: a + b x + c y at each pixel's centre."""
    _, height, width = alphas.shape
    x = torch.arange(width, device=alphas.device) + (0.5 - cx)
    y = torch.arange(height, device=alphas.device)[:, None] + (0.5 - cy)
    depths = planes[..., 0] + planes[..., 1] * x + planes[..., 2] * y
    return depths / alphas.clamp(min=1e-10)


def _tensor(array: object, device: str) -> Tensor:
    return torch.as_tensor(array, device=device)
