"""The one interface of all representations."""

from __future__ import annotations

from typing import Protocol

from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.protocol import Closure
from ..extraction.sources import SurfaceSource
from ..progress import Progress


class Representation(SurfaceSource, Protocol):
    """A network's answer in the asset frame, from which every product is made.

    Splats, previews and points are made from its Gaussians, the mesh from its surface and colours
    (see `SurfaceSource`).
    """

    @property
    def kind(self) -> str:
        """Its name in job.json: "gaussians", "density field", "RGBD views"."""
        ...

    def gaussians(self, progress: Progress, device: str) -> GaussianCloud:
        """A cloud whose renderings show it.

        Raises:
            InvalidRequest: there is nothing to see.
            Cancelled: between two steps.
        """
        ...

    def correct_normals(self, points: PointCloud) -> PointCloud:
        """Points extracted from its Gaussians, with more accurate normals where it has any.

        Normals estimated from Gaussians are coarse, and may face either side of open surfaces.
        """
        ...


def is_closed(closure: Closure, is_open: bool) -> bool:
    """Whether the surface is to be watertight: with AUTO, if the representation is not open."""
    return closure is Closure.WATERTIGHT or (closure is Closure.AUTO and not is_open)
