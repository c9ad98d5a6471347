"""RGBD views: images with depth maps, as multi-view diffusion models give them (ivid)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..contract.bounds import Sphere, bounding_box, bounding_sphere
from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractionOptions
from ..extraction.simplify.simplification import simplify
from ..extraction.sources import ColoredSurface
from ..extraction.surface.marching_cubes import marching_cubes
from ..extraction.surface.sparse_volume import SparseVolume, VoxelGrid, smooth_volume
from ..extraction.surface.symmetry import find_mirror_plane
from ..extraction.surface.triangle_surface import Surface
from ..extraction.surface.tsdf_fusion import fuse_depths
from ..extraction.surface.volume_surface import SurfaceShape, clean_surface, surface_from_volume
from ..extraction.views.rendered_views import RenderedViews
from ..gaussians.rendering import Rendering
from ..progress import Progress
from .base import is_closed
from .rgbd_colors import ViewColors
from .view_images import ViewImages
from .view_surfels import surfels_of_views
from .visible_surface import face_views, visible_part

_RESOLUTIONS = (64, 320)  # voxels along the sphere's diameter, unless the options ask for others
_PLANE_POINTS = 20_000  # by which the mirror plane is found
_VISIBLE_DISTANCE = 1.5  # voxels from the depth maps: farther is not what they show


@dataclass(frozen=True)
class RgbdViews:
    """Views as a representation; what no view shows stays open.

    Attributes:
        is_open: a part of a scene, which no view shows from behind.
        depth_tolerance: between views' depths of the same surface, as a share of the distance.
    """

    views: ViewImages
    is_open: bool = True
    depth_tolerance: float = 0.01

    kind = "RGBD views"

    def gaussians(self, progress: Progress, device: str) -> GaussianCloud:
        """A surfel for each pixel; places that several views show have those of the best one."""
        if not self.views.masks.any():
            raise InvalidRequest("The views show nothing.", "Try another seed.")
        return surfels_of_views(self.views, self.depth_tolerance, progress).to_cloud()

    def correct_normals(self, points: PointCloud) -> PointCloud:
        """Normals turned towards the cameras of the views that show the points."""
        normals = face_views(points.positions, points.normals, self.views, self.depth_tolerance)
        return replace(points, normals=normals)

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        """See `extraction.sources.SurfaceSource`: depth maps fused, colours of the images.

        The surface is always fused as a closed one; for an open one, what no view shows is cut off.
        """
        cloud = self.gaussians(progress.part("Comparing the views", 0, 0.2), device)
        sphere = bounding_sphere(cloud)
        views = self.views.normalized(sphere)
        rendered = _as_rendered_views(views, sphere)
        plane = _mirror_plane(cloud, sphere)
        shape = SurfaceShape(plane, is_closed(options.closure, self.is_open))
        voxel_size = _voxel_size(views.pixel_size, cloud, sphere, options)
        grid = VoxelGrid.covering(1, voxel_size, np.array([plane, 0, 0], np.float32))
        volume = fuse_depths(rendered, grid, True, progress.part("Fusing depths", 0.2, 0.8))
        reducing = progress.part("Reducing the surface", 0.8, 1)
        if shape.closed:
            surface = surface_from_volume(volume, shape, options, reducing)
        else:
            reducing.step(0, 1)
            surface = _open_surface(volume, shape, views, options.face_budget)
        return ColoredSurface(surface, ViewColors(rendered, views.pixel_size), sphere)


def _mirror_plane(cloud: GaussianCloud, sphere: Sphere) -> float:
    """x of the plane nearest to a symmetry, in the unit sphere."""
    means = (cloud.means - sphere.center) / np.float32(sphere.radius)
    return find_mirror_plane(means[:: 1 + len(means) // _PLANE_POINTS])


def _voxel_size(
    pixel_size: float, cloud: GaussianCloud, sphere: Sphere, options: ExtractionOptions
) -> float:
    """In the unit sphere: from the option, else as large as the views' pixels on the surface."""
    if options.resolution:
        box = bounding_box(cloud)
        return float((box.upper - box.lower).max()) / sphere.radius / options.resolution
    coarse, fine = _RESOLUTIONS
    return min(max(pixel_size, 2 / fine), 2 / coarse)


def _open_surface(
    volume: SparseVolume, shape: SurfaceShape, views: ViewImages, face_budget: int
) -> Surface:
    """What the views show of the volume's surface, simplified."""
    surface = marching_cubes(smooth_volume(volume))
    visible = visible_part(surface, views, _VISIBLE_DISTANCE * volume.grid.voxel_size)
    return simplify(clean_surface(visible, shape), face_budget)


def _as_rendered_views(views: ViewImages, sphere: Sphere) -> RenderedViews:
    """The views as if a cloud in the unit sphere had been rendered."""
    alphas = views.masks.astype(np.float32)
    rendering = Rendering(views.images * alphas[..., None], alphas, views.depths * alphas)
    return RenderedViews(sphere, views.cameras, rendering)
