"""A mesh with vertex colours from any cloud: depth pictures, fused, contoured, cleaned, reduced."""

from __future__ import annotations

import trimesh

from ..contract.cloud import GaussianCloud
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractionOptions
from ..progress import Progress
from .coloring import colors_at
from .surface import Surface, isosurface, vertex_normals, within_budget, without_crumbs
from .views import look_around
from .volume import fuse

_VIEWS = 32
_PIXELS_PER_VOXEL = 1.5
_RESOLUTIONS = ((20_000, 128), (100_000, 160))  # up to so many Gaussians, so many voxels a side
_FINEST = 192


def extract_mesh(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress, device: str
) -> trimesh.Trimesh:
    """A closed mesh of about `options.face_budget` faces in the cloud's frame.

    Raises:
        InvalidRequest: the cloud shows nothing, or no surface.
        Cancelled: between two steps.
    """
    resolution = _resolution(len(cloud))
    size = round(_PIXELS_PER_VOXEL * resolution)
    views = look_around(cloud, _VIEWS, size, device, progress.part(progress.stage, 0, 0.5))
    volume = fuse(views, resolution, progress.part(progress.stage, 0.5, 0.8))
    surface = _clean(isosurface(volume))
    progress.step(9, 10)
    surface = within_budget(surface, options.face_budget)
    colors = colors_at(surface.vertices, vertex_normals(surface), views)
    progress.step(10, 10)
    return trimesh.Trimesh(
        vertices=surface.vertices * views.sphere.radius + views.sphere.center,
        faces=surface.faces,
        vertex_colors=colors,
        process=False,
    )


def _resolution(gaussians: int) -> int:
    return next((voxels for most, voxels in _RESOLUTIONS if gaussians <= most), _FINEST)


def _clean(surface: Surface | None) -> Surface:
    cleaned = without_crumbs(surface) if surface else None
    if cleaned is None:
        raise InvalidRequest(
            "No surface was found in this cloud.",
            "It may be too faint or too thin; take points from it instead.",
        )
    return cleaned
