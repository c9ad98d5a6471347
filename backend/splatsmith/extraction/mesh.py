"""A coloured mesh from any cloud."""

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
from .texture.painting import paint
from .views.rendered_views import NormalizedCloud, RenderedViews


def extract_mesh(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress, device: str
) -> trimesh.Trimesh:
    """A mesh of at most about `options.face_budget` faces, textured, in the cloud's frame.

    Raises:
        InvalidRequest: the cloud shows nothing, or no surface.
        Cancelled: between two steps.
    """
    subject = NormalizedCloud.of(cloud)
    # What is known of colours takes one core: it is collected while others draw and unwrap.
    with ThreadPoolExecutor(1) as beside:
        grid = beside.submit(GaussianGrid.of, subject.cloud)
        surface, views = reconstruct_surface(subject, options, progress.part("", 0, 0.6), device)
        field = beside.submit(lambda: ColorField.on(grid.result(), subject.cloud, surface))
        coloring = beside.submit(lambda: _coloring(field.result(), views, device))
        mesh = paint(surface, coloring, options.texture_size, progress.part("", 0.6, 1))
    # Given new vertices, trimesh would forget the normals.
    mesh.apply_scale(subject.sphere.radius)
    mesh.apply_translation(subject.sphere.center)
    return mesh


def _coloring(field: ColorField, views: RenderedViews, device: str) -> GaussianColors:
    """The sources of colours, asked on the device."""
    if device == "cpu":
        return GaussianColors(field, views)
    from .texture.gaussian_colors_cuda import GaussianColorsCuda  # torch takes seconds to import

    return GaussianColorsCuda.on(device, field, views)
