"""A density field: a network that gives density and colour at any point (NeRF, LN3Diff)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..contract.bounds import Sphere
from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractionOptions
from ..extraction.array_types import Mask
from ..extraction.simplify.simplification import simplify
from ..extraction.sources import ColoredSurface
from ..extraction.surface.cavity_filling import fill_cavities
from ..extraction.surface.marching_cubes import marching_cubes
from ..extraction.surface.sparse_volume import SparseVolume
from ..extraction.surface.triangle_surface import Surface, remove_small_components
from ..extraction.texture.color_samples import DETAIL, ColorSamples
from ..gaussians.numba_jit import Bytes, Floats
from ..gaussians.surfels import Surfels, any_tangents
from ..progress import Progress
from .base import is_closed
from .field_function import FieldFunction
from .field_volume import closed_at_bounds, sample_field
from .level_set import field_normals, project_to_level, refine_on_edges
from .surface_level import check_level, check_resolution
from .surface_sampling import area_of, sample_evenly
from .volume_gaussians import volume_gaussians

DEFAULT_RESOLUTION = 192
_SURFEL_COUNTS = (20_000, 400_000)  # least and most; in between, one in a square of a voxel's side
_SIGMA = 0.5  # of the surfels' spacing
_UNCUT = 0.0  # the plane that surfaces are cut open in, where none is


class DensityField:
    """A density field as a representation; its surface is where the density is the level.

    The last sampled volume is kept, as the mesh and the Gaussians are taken from the same.
    """

    kind = "density field"

    def __init__(
        self, function: FieldFunction, resolution: int = DEFAULT_RESOLUTION, is_open: bool = False
    ) -> None:
        """Nothing is evaluated yet.

        Args:
            resolution: samples along the bounds' longest side, unless the options ask for others.
            is_open: a part of a scene, which ends at the bounds without a wall.

        Raises:
            InvalidRequest: the resolution is not in RESOLUTIONS.
        """
        check_resolution(resolution)
        self.function = function
        self.resolution = resolution
        self.is_open = is_open
        self._sampled: tuple[int, SparseVolume] | None = None

    @property
    def voxel_size(self) -> float:
        """Distance between samples at its own resolution."""
        extent = self.function.bounds.upper - self.function.bounds.lower
        return float(extent.max()) / (self.resolution - 1)

    def gaussians(self, progress: Progress, device: str) -> GaussianCloud:
        """Surfels spread evenly over the surface, as dense as the samples.

        Of a field that is rendered by its extinction they would not look like it: it is filled.
        """
        volume = self._volume(self.resolution, progress.part(progress.stage, 0, 0.7))
        if self.function.extinction is not None:
            return volume_gaussians(self.function, progress.part(progress.stage, 0.7, 1))
        if not self.is_open:
            volume = closed_at_bounds(volume)
        surface = self._surface(volume, closed=not self.is_open)
        area = area_of(surface)
        count = int(np.clip(area / self.voxel_size**2, *_SURFEL_COUNTS))
        spread = progress.part(progress.stage, 0.7, 1)
        points = sample_evenly(surface, count, spread)
        points = project_to_level(points, self.function, self.voxel_size)
        normals = field_normals(points, self.function, self.voxel_size)
        sigma = _SIGMA * np.sqrt(area / count)
        return Surfels(
            positions=points,
            tangents=any_tangents(normals),
            normals=normals,
            sigmas=np.full((count, 2), sigma, np.float32),
            colors=self.function.colors(points),
        ).to_cloud()

    def correct_normals(self, points: PointCloud) -> PointCloud:
        """Normals of the field itself, by its gradient."""
        normals = field_normals(points.positions, self.function, self.voxel_size)
        return replace(points, normals=normals)

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        """See `extraction.sources.SurfaceSource`; colours are the field's own."""
        sampling = progress.part("Sampling the field", 0, 0.8)
        volume = self._volume(options.resolution or self.resolution, sampling)
        progress.part("Finding the surface", 0.8, 0.9).step(0, 1)
        closed = is_closed(options.closure, self.is_open)
        if closed:
            volume = fill_cavities(closed_at_bounds(volume), options.close_bottom)
        surface, sphere = _normalized(self._surface(volume, closed))
        progress.part("Reducing the surface", 0.9, 1).step(0, 1)
        surface = simplify(surface, options.face_budget)
        return ColoredSurface(surface, FieldColors(self.function, sphere), sphere)

    def _volume(self, resolution: int, progress: Progress) -> SparseVolume:
        if self._sampled is None or self._sampled[0] != resolution:
            self._sampled = None  # its memory is needed for the next
            volume = sample_field(self.function, resolution, progress)
            check_level(self.function, volume)
            self._sampled = resolution, volume
        return self._sampled[1]

    def _surface(self, volume: SparseVolume, closed: bool) -> Surface:
        """The level's surface in the asset frame, exact, without small components.

        Raises:
            InvalidRequest: there is none.
        """
        surface = remove_small_components(marching_cubes(volume), _UNCUT, closed)
        if not len(surface.faces):
            raise InvalidRequest(
                "The density nowhere reaches the surface's level.", "Try another seed or prompt."
            )
        vertices = refine_on_edges(surface.vertices, self.function, volume.grid)
        return Surface(vertices, surface.faces)


@dataclass(frozen=True)
class FieldColors:
    """`ExactColors` of a field, evaluated at the points themselves."""

    function: FieldFunction
    sphere: Sphere

    detail_size = 0.0
    base_pixel_size = 0.0

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        detail = self.exact_at(points)
        return ColorSamples(detail, np.zeros_like(detail), np.full(len(points), DETAIL))

    def exact_at(self, points: Floats) -> Bytes:
        """See `extraction.sources.ExactColors`."""
        on_device = self.function.on_device(points)
        center = self.function.on_device(self.sphere.center)
        colors = self.function.colors_at(on_device * self.sphere.radius + center)
        return (255 * colors).round().to(torch.uint8).cpu().numpy()


def _normalized(surface: Surface) -> tuple[Surface, Sphere]:
    """The surface in the unit sphere."""
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    center = (low + high) / 2
    vertices = surface.vertices - center
    radius = float(np.linalg.norm(vertices, axis=1).max())
    return Surface(vertices / np.float32(radius), surface.faces), Sphere(center, radius)
