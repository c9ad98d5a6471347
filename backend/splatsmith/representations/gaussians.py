"""Gaussians as they are, generated or read from a file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.protocol import Closure, ExtractionOptions
from ..extraction.gaussian_source import GaussianSurfaceSource
from ..extraction.sources import ColoredSurface
from ..progress import Progress


@dataclass(frozen=True)
class GaussianSplats:
    """A cloud as a representation; its surface is reconstructed from renderings of it.

    is_open: a part of a scene, which is closed only on request. Otherwise the cloud tells.
    """

    cloud: GaussianCloud
    is_open: bool = False

    kind = "gaussians"

    def gaussians(self, progress: Progress, device: str) -> GaussianCloud:
        """The cloud itself."""
        progress.step(1, 1)
        return self.cloud

    def correct_normals(self, points: PointCloud) -> PointCloud:
        """`points` unchanged."""
        return points

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        """See `GaussianSurfaceSource`."""
        if self.is_open and options.closure is Closure.AUTO:
            options = replace(options, closure=Closure.OPEN)
        return GaussianSurfaceSource(self.cloud).colored_surface(options, progress, device)
