"""Gaussians of a part of a scene, which is seen from a camera path alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..contract.camera_path import CameraPath
from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.protocol import ExtractionOptions
from ..extraction.sources import ColoredSurface
from ..gaussians.camera_paths import cameras_on_path
from ..gaussians.rasterize import rasterize
from ..progress import Progress
from .rgbd_views import RgbdViews
from .view_images import ViewImages

_VIEWS, _VIEW_SIZE = 9, 512  # along the path
_SURFACE_ALPHA = 0.5


@dataclass(frozen=True)
class GaussianScene:
    """A cloud as a representation. Its surface is fused from what the path's cameras see of it, as
    walls have no other side; it is open unless the options ask for a closed one.
    """

    cloud: GaussianCloud
    path: CameraPath

    kind = "gaussians"

    def gaussians(self, progress: Progress, device: str) -> GaussianCloud:
        """The cloud itself."""
        progress.step(1, 1)
        return self.cloud

    def correct_normals(self, points: PointCloud) -> PointCloud:
        """Normals turned towards the path's cameras."""
        return self._views("cpu").correct_normals(points)

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        """See `RgbdViews`."""
        views = self._views(device)
        progress.step(0, 1)
        return views.colored_surface(options, progress, device)

    def _views(self, device: str) -> RgbdViews:
        cameras = cameras_on_path(self.path, np.linspace(0, 1, _VIEWS), _VIEW_SIZE)
        rendered = rasterize(self.cloud, cameras, background=(0, 0, 0), device=device)
        masks = (rendered.alphas > _SURFACE_ALPHA) & (rendered.depths > 0)
        colors = rendered.colors / np.maximum(rendered.alphas, _SURFACE_ALPHA)[..., None]
        images = np.clip(colors, 0, 1).astype(np.float32)
        return RgbdViews(ViewImages(images, rendered.depths, masks, cameras), is_open=True)
