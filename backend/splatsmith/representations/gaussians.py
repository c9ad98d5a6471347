"""Gaussians as they are, generated or read from a file."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.protocol import ExtractionOptions
from ..extraction.gaussian_source import GaussianSurfaceSource
from ..extraction.sources import ColoredSurface
from ..progress import Progress


@dataclass(frozen=True)
class GaussianSplats:
    """A cloud as a representation; its surface is reconstructed from renderings of it."""

    cloud: GaussianCloud

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
        return GaussianSurfaceSource(self.cloud).colored_surface(options, progress, device)
