"""The surface of a cloud: seen from all around, fused, contoured, cleaned and reduced."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...contract.bounds import VISIBLE_OPACITY
from ...contract.cloud import GaussianCloud
from ...contract.problems import InvalidRequest
from ...contract.protocol import Closure, ExtractionOptions
from ...progress import Progress
from ..simplify.simplification import join_mirror_image, simplify
from ..views.interior_cameras import InteriorViews, render_interior
from ..views.rendered_views import NormalizedCloud, RenderedViews, fibonacci_cameras, render_views
from .cavity_filling import fill_cavities
from .density_grid import density_surface, is_translucent
from .marching_cubes import marching_cubes
from .sparse_volume import SparseVolume, VoxelGrid, smooth_volume
from .symmetry import find_mirror_plane, is_symmetric
from .triangle_surface import Surface, remove_small_components
from .tsdf_fusion import fuse_depths

log = logging.getLogger(__name__)

_VIEWS, _VIEWS_FROM_ABOVE = 32, 4
_VOXELS_PER_SPREAD = 2.0  # in a typical standard deviation
_RESOLUTIONS = (128, 320)  # chosen by itself, voxels along the sphere's diameter
_PIXELS_PER_VOXEL = 1.2
_LEAST_EXTENT = 0.5  # of the unit sphere, by the centres: the rest are the Gaussians' own bodies
_FEW = 64  # faces too few for two halves
_SYMMETRIC = 1.5  # voxels between a point and its mirror image
_POINTS = 20_000  # Gaussians by which the mirror plane is found


def reconstruct_surface(
    subject: NormalizedCloud, options: ExtractionOptions, progress: Progress, device: str
) -> tuple[Surface, RenderedViews]:
    """The surface, in the unit sphere, of at most about `options.face_budget` faces; and the views.

    Raises:
        InvalidRequest: there is no surface.
        Cancelled: between two steps.
    """
    voxel = _voxel(subject.cloud, options)
    drawing = progress.part("Drawing depths", 0, 0.4)
    size = round(_PIXELS_PER_VOXEL * 2 / voxel)
    seen = subject.cloud.means[subject.cloud.opacities > VISIBLE_OPACITY]
    with ThreadPoolExecutor(1) as beside:
        mirroring = beside.submit(find_mirror_plane, seen[:: 1 + len(seen) // _POINTS])
        views, closed = _look(subject, options.closure, size, device, drawing)
        plane = mirroring.result()
    lattice = VoxelGrid.around(1, voxel, np.array([plane, 0, 0]))
    if is_translucent(views):
        log.info("the cloud is faint: its surface is taken from its density, not from depths")
        volume = density_surface(
            subject.cloud, lattice, progress.part("Summing densities", 0.4, 0.8)
        )
    else:
        volume = fuse_depths(views, lattice, closed, progress.part("Fusing depths", 0.4, 0.8))
    progress.part("Filling cavities", 0.8, 0.85).step(0, 1)
    if closed:
        volume = fill_cavities(volume, options.close_bottom)
    progress.part("Finding the surface", 0.85, 0.9).step(0, 1)
    volume = smooth_volume(volume)
    reducing = progress.part("Reducing the surface", 0.9, 1)
    surface = _clean(marching_cubes(volume), plane, closed)
    reducing.step(0, 1)
    return _reduced(surface, volume, (plane, closed), options.face_budget), views


def _look(
    subject: NormalizedCloud, closure: Closure, size: int, device: str, progress: Progress
) -> tuple[RenderedViews, bool]:
    """Pictures that show the whole subject, and whether its surface is to be closed.

    Scenes, unlike things, are open, and looked at from among what is in them.
    """
    first, rest = (progress.part(progress.stage, *span) for span in ((0, 0.5), (0.5, 1)))
    cameras = fibonacci_cameras(_VIEWS, size, _VIEWS_FROM_ABOVE)
    outer = render_views(subject, cameras, device, first)
    if closure is Closure.WATERTIGHT:
        return outer, True
    inside = InteriorViews(subject.cloud, outer)
    if closure is Closure.AUTO and not inside.is_scene:
        return outer, True
    if not len(inside.places):
        return outer, False
    log.info("looking from %d places inside the cloud", len(inside.places))
    inner = render_interior(subject, inside.places, size, device, rest)
    return (inner if inside.is_scene else outer.joined(inner)), False


def _reduced(
    surface: Surface, volume: SparseVolume, shape: tuple[float, bool], faces: int
) -> Surface:
    """`surface` within the budget; alike on both sides of its mirror plane if it is a mirror image.

    Args:
        shape: the x of the plane, and whether the surface is closed.
    """
    plane, closed = shape
    voxel = volume.lattice.voxel
    if faces < _FEW or not is_symmetric(surface.vertices, plane, _SYMMETRIC * voxel):
        return simplify(surface, faces)
    half = _clean(marching_cubes(volume, volume.lattice.column(plane)), plane, closed)
    return join_mirror_image(simplify(half, faces // 2), plane, voxel / 100)


def _voxel(cloud: GaussianCloud, options: ExtractionOptions) -> float:
    """The voxels' distance, by the option or by the size of the Gaussians that can be seen."""
    seen = cloud.opacities > VISIBLE_OPACITY
    if options.resolution:
        low, high = np.percentile(cloud.means[seen], (0.5, 99.5), axis=0)
        longest = max(float((high - low).max()), _LEAST_EXTENT)
        return longest / options.resolution
    spread = float(np.median(np.sort(cloud.scales[seen], axis=1)[:, 1]))
    coarse, fine = _RESOLUTIONS
    return min(max(spread / _VOXELS_PER_SPREAD, 2 / fine), 2 / coarse)


def _clean(surface: Surface, plane: float, closed: bool) -> Surface:
    cleaned = remove_small_components(surface, plane, closed)
    if not len(cleaned.faces):
        raise InvalidRequest(
            "No surface was found in this cloud.",
            "It may be too faint or too thin; take points from it instead.",
        )
    return cleaned
