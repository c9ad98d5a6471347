"""Surface reconstruction from a cloud of Gaussians by fusing rendered depth maps."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from ...contract.bounds import VISIBLE_OPACITY
from ...contract.cloud import GaussianCloud
from ...contract.protocol import Closure, ExtractionOptions
from ...progress import Progress
from ..views.interior_cameras import InteriorViews, render_interior
from ..views.rendered_views import (
    NormalizedCloud,
    RenderedViews,
    fibonacci_cameras,
    render_views,
)
from .density_grid import density_surface, is_translucent
from .interior_spaces import open_spaces
from .sparse_volume import VoxelGrid
from .symmetry import find_mirror_plane
from .triangle_surface import Surface
from .tsdf_fusion import fuse_depths
from .volume_surface import SurfaceShape, surface_from_volume

log = logging.getLogger(__name__)

_VIEWS, _OVERHEAD_VIEWS = 32, 4
_VOXELS_PER_SIGMA = 2.0  # of the median Gaussian
_RESOLUTIONS = (128, 320)  # range of the automatic choice, voxels along the sphere's diameter
_PIXELS_PER_VOXEL = 1.2
_LEAST_EXTENT = 0.5  # of the unit sphere, by the centres: the rest are the Gaussians' own bodies
_EXTENT_PERCENTILES = (0.5, 99.5)
_PLANE_POINTS = 20_000  # Gaussians by which the mirror plane is found


def reconstruct_surface(
    subject: NormalizedCloud, options: ExtractionOptions, progress: Progress, device: str
) -> tuple[Surface, RenderedViews]:
    """The surface, in the unit sphere, of at most `options.face_budget` faces; and the views.

    Raises:
        InvalidRequest: there is no surface.
        Cancelled: between two steps.
    """
    voxel_size = _voxel_size(subject.cloud, options)
    rendering = progress.part("Drawing depths", 0, 0.4)
    image_size = round(_PIXELS_PER_VOXEL * 2 / voxel_size)
    means = subject.cloud.means[subject.cloud.opacities > VISIBLE_OPACITY]
    with ThreadPoolExecutor(1) as executor:
        plane = executor.submit(find_mirror_plane, means[:: 1 + len(means) // _PLANE_POINTS])
        views, closed = _render(subject, options.closure, image_size, device, rendering)
        shape = SurfaceShape(plane.result(), closed)
    grid = VoxelGrid.covering(1, voxel_size, np.array([shape.mirror_plane, 0, 0]))
    if is_translucent(views):
        log.info("the cloud is faint: its surface is taken from its density, not from depths")
        summing = progress.part("Summing densities", 0.4, 0.8)
        volume = density_surface(subject.cloud, grid, summing)
    else:
        volume = fuse_depths(views, grid, closed, progress.part("Fusing depths", 0.4, 0.8))
        if closed:
            volume, filled = open_spaces(volume, subject.cloud, views, options.interior)
            shape = replace(shape, filled=filled)
    return surface_from_volume(volume, shape, options, progress.part("", 0.8, 1)), views


def _render(
    subject: NormalizedCloud, closure: Closure, size: int, device: str, progress: Progress
) -> tuple[RenderedViews, bool]:
    """Views of the whole subject, and whether its surface is to be closed.

    Scenes, unlike objects, are open, and viewed from inside.
    """
    first, rest = (progress.part(progress.stage, *span) for span in ((0, 0.5), (0.5, 1)))
    cameras = fibonacci_cameras(_VIEWS, size, _OVERHEAD_VIEWS)
    outer = render_views(subject, cameras, device, first)
    if closure is Closure.WATERTIGHT:
        return outer, True
    interior = InteriorViews(subject.cloud, outer)
    if closure is Closure.AUTO and not interior.is_scene:
        return outer, True
    if not len(interior.positions):
        return outer, False
    log.info("rendering from %d positions inside the cloud", len(interior.positions))
    inner = render_interior(subject, interior.positions, size, device, rest)
    return (inner if interior.is_scene else outer.joined(inner)), False


def _voxel_size(cloud: GaussianCloud, options: ExtractionOptions) -> float:
    """From the option, else from the size of the visible Gaussians."""
    visible = cloud.opacities > VISIBLE_OPACITY
    if options.resolution:
        low, high = np.percentile(cloud.means[visible], _EXTENT_PERCENTILES, axis=0)
        longest = max(float((high - low).max()), _LEAST_EXTENT)
        return longest / options.resolution
    sigma = float(np.median(np.sort(cloud.scales[visible], axis=1)[:, 1]))
    coarse, fine = _RESOLUTIONS
    return min(max(sigma / _VOXELS_PER_SIGMA, 2 / fine), 2 / coarse)
