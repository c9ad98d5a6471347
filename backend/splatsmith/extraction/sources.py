"""What a mesh is made from: a bare surface, and colours at points of it.

Every kind of representation is a `SurfaceSource`; unwrapping, texturing and writing
(`mesh.extract_mesh`) are the same for all.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..contract.bounds import Sphere
from ..contract.protocol import ExtractionOptions
from ..gaussians.numba_jit import Bytes, Floats
from ..progress import Progress
from .array_types import Mask
from .surface.triangle_surface import Surface
from .texture.color_samples import ColorSamples


class SurfaceColors(Protocol):
    """Colours at points of a surface, in the surface's frame."""

    @property
    def detail_size(self) -> float:
        """The smallest feature of the detail colours: a finer texture would hold no more."""
        ...

    @property
    def base_pixel_size(self) -> float:
        """Width of the pixels that the base colours are blurred by; 0 where they are exact."""
        ...

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        """Sample at `points` [N, 3] with outward unit `normals` [N, 3].

        Args:
            base_wanted: [N] where the base is wanted even if the detail is known; elsewhere it may
                be left out.
        """
        ...


@runtime_checkable
class ExactColors(SurfaceColors, Protocol):
    """Colours that are known, and sharp, at every point: they have no base."""

    def exact_at(self, points: Floats) -> Bytes:
        """[N, 3] sRGB at `points` [N, 3]; the detail that `at` gives."""
        ...


@dataclass(frozen=True)
class ColoredSurface:
    """A simplified surface and its colours, both in the unit sphere.

    `sphere` maps back to the asset frame: p -> center + radius * p.
    """

    surface: Surface
    colors: SurfaceColors
    sphere: Sphere


class SurfaceSource(Protocol):
    """Whatever a surface can be taken from: Gaussians, a density field, RGBD views."""

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        """A surface of at most `options.face_budget` faces; closure and resolution as in `options`.

        Args:
            device: as torch names it, or "cpu".

        Raises:
            InvalidRequest: there is no surface.
            Cancelled: between two steps.
        """
        ...


@dataclass(frozen=True)
class DeferredColors:
    """Colours that are still being prepared on another thread, while the surface is unwrapped."""

    pending: Future[SurfaceColors]

    @property
    def detail_size(self) -> float:
        return self.pending.result().detail_size

    @property
    def base_pixel_size(self) -> float:
        return self.pending.result().base_pixel_size

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        return self.pending.result().at(points, normals, base_wanted)
