"""Splatting on CUDA, by gsplat."""

from __future__ import annotations

import logging
from functools import cache

import numpy as np
import torch
from gsplat import rasterization
from torch import Tensor

from ..contract.cloud import GaussianCloud
from .cameras import Cameras
from .rendering import NEAR_PLANE, Rendering

log = logging.getLogger(__name__)

_CAMERAS_AT_ONCE = 16  # bounds the memory of the lists of tiles


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
    means, quats = _tensor(cloud.means, device), _tensor(cloud.quats, device)
    scales, opacities = _tensor(cloud.scales, device), _tensor(cloud.opacities, device)
    harmonics = _tensor(np.concatenate([cloud.sh0[:, None], cloud.shN], axis=1), device)
    views = _tensor(cameras.viewmats, device).split(_CAMERAS_AT_ONCE)
    intrinsics = _tensor(cameras.Ks, device).split(_CAMERAS_AT_ONCE)
    behind = torch.tensor(background, device=device)
    parts: list[tuple[Tensor, Tensor]] = []
    for viewmats, ks in zip(views, intrinsics, strict=True):
        drawn, alpha, _ = rasterization(
            means=means,
            quats=quats,
            scales=scales,
            opacities=opacities,
            colors=harmonics,
            viewmats=viewmats,
            Ks=ks,
            width=cameras.width,
            height=cameras.height,
            near_plane=NEAR_PLANE,
            eps2d=eps2d,
            sh_degree=cloud.degree,
            render_mode="RGB+ED",
        )
        drawn[..., :3] += (1 - alpha) * behind
        parts.append((drawn, alpha))
    drawn, alphas = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
    return Rendering(drawn[..., :3].copy(), alphas[..., 0], drawn[..., 3].copy())


def _tensor(array: object, device: str) -> Tensor:
    return torch.as_tensor(array, device=device)
