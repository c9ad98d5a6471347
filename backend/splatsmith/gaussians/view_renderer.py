"""Renderings of Gaussians that are tensors, as tensors on their device: for loops that render."""

from __future__ import annotations

import torch
from torch import Tensor

from .cameras import Cameras
from .gaussian_batch import GaussianBatch, to_cloud
from .rasterize import WHITE, rasterize


class ViewRenderer:
    """Renders from fixed cameras on one device, without gradients."""

    def __init__(
        self,
        cameras: Cameras,
        device: str,
        *,
        background: tuple[float, float, float] = WHITE,
        one_at_a_time: bool = False,
    ) -> None:
        """`one_at_a_time`: a camera after the other, for less memory."""
        self._cameras = cameras
        self._device = device
        self._background = background
        self._background_color = torch.tensor(background, device=device)
        self._one_at_a_time = one_at_a_time
        self._viewmats = torch.from_numpy(cameras.viewmats).to(device)
        self._ks = torch.from_numpy(cameras.Ks).to(device)

    def __call__(self, gaussians: GaussianBatch) -> Tensor:
        """[C, 3, H, W] of the batch's first cloud over the background; colours may exceed 1."""
        if self._device != "cpu":
            from . import rasterize_cuda  # gsplat takes seconds to import

            if rasterize_cuda.has_kernels():
                return self._on_gpu(gaussians)
        cloud = to_cloud(gaussians, -1)
        rendered = rasterize(cloud, self._cameras, background=self._background)
        return torch.from_numpy(rendered.colors).permute(0, 3, 1, 2).to(self._device)

    def _on_gpu(self, gaussians: GaussianBatch) -> Tensor:
        from .rasterize_cuda import CameraTensors, render_colors

        size = self._cameras.width, self._cameras.height
        parts = 1 if self._one_at_a_time else len(self._viewmats)
        images = [
            render_colors(
                gaussians,
                CameraTensors(viewmats, ks, *size, self._cameras.near),
                self._background_color,
            )
            for viewmats, ks in zip(self._viewmats.split(parts), self._ks.split(parts), strict=True)
        ]
        return torch.cat(images).permute(0, 3, 1, 2)
