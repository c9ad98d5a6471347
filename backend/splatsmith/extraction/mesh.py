"""Textured meshes from clouds of Gaussians."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import trimesh

from ..contract.cloud import GaussianCloud
from ..contract.protocol import ExtractionOptions
from ..progress import Progress
from .surface.reconstruction import reconstruct_surface
from .texture.color_field import ColorField
from .texture.gaussian_colors import GaussianColors
from .texture.gaussian_grid import GaussianGrid
from .texture.painting import texture_surface
from .views.rendered_views import NormalizedCloud, RenderedViews


def extract_mesh(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress, device: str
) -> trimesh.Trimesh:
    """A mesh of at most about `options.face_budget` faces, textured, in the cloud's frame.

    Raises:
        InvalidRequest: the cloud shows nothing, or no surface.
        Cancelled: between two steps.
    """
    subject = NormalizedCloud.from_cloud(cloud)
    # Preparing colours takes one core, while the others render, reconstruct and unwrap.
    with ThreadPoolExecutor(1) as executor:
        grid = executor.submit(GaussianGrid.from_cloud, subject.cloud)
        surface, views = reconstruct_surface(subject, options, progress.part("", 0, 0.6), device)
        field = executor.submit(lambda: ColorField.from_grid(grid.result(), subject.cloud, surface))
        colors = executor.submit(lambda: _colors(field.result(), views, device))
        mesh = texture_surface(surface, colors, options.texture_size, progress.part("", 0.6, 1))
    # Assigning vertices would make trimesh drop the normals.
    mesh.apply_scale(subject.sphere.radius)
    mesh.apply_translation(subject.sphere.center)
    return mesh


def _colors(field: ColorField, views: RenderedViews, device: str) -> GaussianColors:
    if device == "cpu":
        return GaussianColors(field, views)
    from .texture.gaussian_colors_cuda import GaussianColorsCuda  # torch takes seconds to import

    return GaussianColorsCuda.on_device(device, field, views)
