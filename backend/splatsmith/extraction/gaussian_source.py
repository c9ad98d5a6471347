"""Surface and colours of a cloud of Gaussians."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ..contract.cloud import GaussianCloud
from ..contract.protocol import ExtractionOptions
from ..progress import Progress
from .sources import ColoredSurface, DeferredColors, SurfaceColors
from .surface.reconstruction import reconstruct_surface
from .surface.triangle_surface import Surface
from .texture.color_field import ColorField
from .texture.gaussian_colors import GaussianColors
from .texture.gaussian_grid import GaussianGrid
from .views.rendered_views import NormalizedCloud, RenderedViews


@dataclass(frozen=True)
class GaussianSurfaceSource:
    """A cloud as a `SurfaceSource`: its surface from rendered depth maps, its colours from both."""

    cloud: GaussianCloud

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        """See `SurfaceSource.colored_surface`.

        Raises:
            InvalidRequest: the cloud shows nothing, or no surface.
            Cancelled: between two steps.
        """
        subject = NormalizedCloud.from_cloud(self.cloud)
        # Preparing colours takes one core, while the others render, reconstruct and unwrap.
        executor = ThreadPoolExecutor(1)
        try:
            grid = executor.submit(GaussianGrid.from_cloud, subject.cloud)
            surface, views = reconstruct_surface(subject, options, progress, device)
            field = executor.submit(_color_field, grid, subject.cloud, surface)
            colors = executor.submit(_surface_colors, field, views, device)
        finally:
            executor.shutdown(wait=False)
        return ColoredSurface(surface, DeferredColors(colors), subject.sphere)


def _color_field(grid: Future[GaussianGrid], cloud: GaussianCloud, surface: Surface) -> ColorField:
    return ColorField.from_grid(grid.result(), cloud, surface)


def _surface_colors(field: Future[ColorField], views: RenderedViews, device: str) -> SurfaceColors:
    if device == "cpu":
        return GaussianColors(field.result(), views)
    from .texture.gaussian_colors_cuda import GaussianColorsCuda  # torch takes seconds to import

    return GaussianColorsCuda.on_device(device, field.result(), views)
