"""A point cloud spread evenly over the Gaussians that form the visible surface.

Candidates are scattered over the Gaussians that pictures show, by area and opacity, and those that
keep their distance from each other are chosen. Gaussians lie truer than a mesh of them would:
nothing is rounded or thickened by voxels.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractionOptions
from ..gaussians.numba_jit import Floats
from ..memory import check_memory
from ..progress import Progress
from .sampling.poisson_disk import poisson_disk_sample
from .sampling.surface_gaussians import SurfaceGaussians
from .views.interior_cameras import InteriorViews, render_interior
from .views.rendered_views import NormalizedCloud, RenderedViews, fibonacci_cameras, render_views
from .views.visibility import ViewArrays, are_visible, view_arrays

_VIEWS, _VIEW_SIZE = 16, 192
_REACH = 1.0  # standard deviations around a Gaussian's centre that candidates fall in
# Candidates for each point, and how many in all before there are fewer for each.
_MOST_EACH, _LEAST_EACH, _MANY = 6, 3, 2_000_000
_BYTES = 80  # of memory for each candidate
_CHUNK = 1 << 20  # candidates between two looks at whether to go on
_SPANS = (0, 0.5, 0.6, 0.85, 1)  # of the progress: drawing, scattering, choosing, colouring
_SEED = 0  # the same cloud gives the same points


def extract_points(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress, device: str
) -> PointCloud:
    """`options.point_count` points in the cloud's frame, with sRGB colours and outward normals.

    Raises:
        InvalidRequest: there is nothing to see in the cloud.
        OutOfMemory: so many points do not fit into this machine's memory.
        Cancelled: between two steps.
    """
    count = options.point_count
    check_memory(_BYTES * _candidates(count), f"{count:,} points", "Ask for fewer points.")
    drawing, scattering, choosing, coloring = (
        progress.part(progress.stage, start, end) for start, end in pairwise(_SPANS)
    )
    subject = NormalizedCloud.of(cloud)
    pictures = view_arrays(_look(subject, device, drawing))
    skin = SurfaceGaussians.of(subject.cloud, pictures)
    if not len(skin.cloud):
        raise InvalidRequest(
            "No surface was found in this cloud.", "It may be too faint, or too thin to be seen."
        )
    places, owners = _scatter(skin, count, pictures, scattering)
    chosen = poisson_disk_sample(places, skin.normals[owners], count, choosing)
    places, owners = places[chosen], owners[chosen]
    return PointCloud(
        positions=places * np.float32(subject.sphere.radius) + subject.sphere.center,
        colors=skin.colors(places, owners, coloring),
        normals=skin.normals[owners],
    )


def _look(subject: NormalizedCloud, device: str, progress: Progress) -> RenderedViews:
    """Pictures from all around, or from within a scene."""
    first, second = (progress.part(progress.stage, *span) for span in ((0, 0.5), (0.5, 1)))
    outer = render_views(subject, fibonacci_cameras(_VIEWS, _VIEW_SIZE), device, first)
    inside = InteriorViews(subject.cloud, outer)
    if not inside.is_scene:
        return outer
    return render_interior(subject, inside.places, _VIEW_SIZE, device, second)


def _candidates(count: int) -> int:
    return max(_LEAST_EACH * count, min(_MOST_EACH * count, _MANY))


def _scatter(
    skin: SurfaceGaussians, count: int, pictures: ViewArrays, progress: Progress
) -> tuple[Floats, NDArray[np.int32]]:
    """Candidates [M, 3] for `count` points, and the Gaussians [M] that they lie on.

    What falls beside the surface, over an edge, goes back to its Gaussian's middle.
    """
    total = _candidates(count)
    random = np.random.default_rng(_SEED)
    places, owners = np.empty((total, 3), np.float32), np.empty(total, np.int32)
    for part, chosen in _shares(skin.weights, total, random):
        progress.step(part.start, total)
        disc = _disc(len(chosen), random)
        disc[~are_visible(skin.places(chosen, disc), pictures)] = 0
        places[part], owners[part] = skin.places(chosen, disc), chosen
    progress.step(total, total)
    return places, owners


def _shares(
    weights: NDArray[np.float64], count: int, random: np.random.Generator
) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """`count` indices in parts, by systematic sampling: each gets its share, to within one."""
    ends = np.cumsum(weights)
    ends /= ends[-1]
    first = random.random()
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        marks = (np.arange(start, stop) + first) / count
        yield slice(start, stop), np.minimum(np.searchsorted(ends, marks), len(ends) - 1)


def _disc(count: int, random: np.random.Generator) -> Floats:
    """Points [count, 2] spread over a disc of radius _REACH."""
    angles = np.float32(2 * np.pi) * random.random(count, np.float32)
    radii = np.float32(_REACH) * np.sqrt(random.random(count, np.float32))
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
