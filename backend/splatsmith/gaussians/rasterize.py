"""Rasterisation of a cloud on any device."""

from __future__ import annotations

from ..contract.cloud import GaussianCloud
from .cameras import Cameras
from .rasterize_cpu import rasterize_tiles
from .rendering import EPS2D, Rendering

WHITE = (1.0, 1.0, 1.0)


def rasterize(
    cloud: GaussianCloud,
    cameras: Cameras,
    *,
    background: tuple[float, float, float] = WHITE,
    eps2d: float = EPS2D,
    device: str = "cpu",
) -> Rendering:
    """Render `cloud` from each of `cameras`.

    Args:
        background: sRGB.
        eps2d: added to the 2D variances, pixels^2, so that no splat falls between pixels.
        device: "cpu", "cuda" or "cuda:N"; a GPU without gsplat's kernels falls back to the CPU.
    """
    if device != "cpu" and len(cloud):  # gsplat's kernels need at least one Gaussian
        from . import rasterize_cuda  # torch and gsplat take seconds to import

        if rasterize_cuda.has_kernels():
            return rasterize_cuda.rasterize_gpu(cloud, cameras, background, eps2d, device)
    return rasterize_tiles(cloud, cameras, background, eps2d)
