"""A coloured mesh from any cloud."""

from __future__ import annotations

import trimesh

from ..contract.cloud import GaussianCloud
from ..contract.protocol import ExtractionOptions
from ..progress import Progress
from .coloring import colors_at
from .reconstruction import reconstruct
from .surface import vertex_normals
from .views import Subject


def extract_mesh(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress, device: str
) -> trimesh.Trimesh:
    """A mesh of at most about `options.face_budget` faces in the cloud's frame.

    Raises:
        InvalidRequest: the cloud shows nothing, or no surface.
        Cancelled: between two steps.
    """
    subject = Subject.of(cloud)
    surface, views = reconstruct(subject, options, progress.part("", 0, 0.6), device)
    colouring = progress.part("Colouring", 0.6, 1)
    colouring.step(0, 1)
    colors = colors_at(surface.vertices, vertex_normals(surface), views)
    colouring.step(1, 1)
    return trimesh.Trimesh(
        vertices=surface.vertices * subject.sphere.radius + subject.sphere.center,
        faces=surface.faces,
        vertex_colors=colors,
        process=False,
    )
