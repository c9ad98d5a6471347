"""Point clouds sampled evenly from the Gaussians at the visible surface.

Candidates are drawn from the visible Gaussians by area and opacity, and thinned by Poisson-disk
sampling. The Gaussians are truer to the surface than a mesh of them, which is rounded by voxels.
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
from .views.rendered_views import (
    NormalizedCloud,
    RenderedViews,
    fibonacci_cameras,
    render_views,
)
from .views.visibility import ViewArrays, are_visible, view_arrays

_VIEWS, _VIEW_SIZE = 16, 192
_DISC_RADIUS = 1.0  # standard deviations around a Gaussian's centre that candidates lie in
# Candidates per point, from the most to the least as the total reaches its limit.
_MOST_CANDIDATES, _LEAST_CANDIDATES, _TOTAL_LIMIT = 6, 3, 2_000_000
_BYTES = 80  # of memory per candidate
_CHUNK = 1 << 20  # candidates between two checks for cancellation
_SPANS = (0, 0.5, 0.6, 0.85, 1)  # of the progress: rendering, candidates, thinning, colours
_SEED = 0  # the same cloud gives the same points


def extract_points(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress, device: str
) -> PointCloud:
    """`options.point_count` points in the cloud's frame, with sRGB colours and outward normals.

    Raises:
        InvalidRequest: no Gaussian is visible.
        OutOfMemory: so many points do not fit into this machine's memory.
        Cancelled: between two steps.
    """
    count = options.point_count
    check_memory(_BYTES * _candidate_count(count), f"{count:,} points", "Ask for fewer points.")
    rendering, drawing, thinning, coloring = (
        progress.part(progress.stage, start, end) for start, end in pairwise(_SPANS)
    )
    subject = NormalizedCloud.from_cloud(cloud)
    views = view_arrays(_render(subject, device, rendering))
    gaussians = SurfaceGaussians.from_views(subject.cloud, views)
    if not len(gaussians.cloud):
        raise InvalidRequest(
            "No surface was found in this cloud.", "It may be too faint, or too thin to be seen."
        )
    positions, owners = _draw_candidates(gaussians, count, views, drawing)
    chosen = poisson_disk_sample(positions, gaussians.normals[owners], count, thinning)
    positions, owners = positions[chosen], owners[chosen]
    return PointCloud(
        positions=positions * np.float32(subject.sphere.radius) + subject.sphere.center,
        colors=gaussians.colors(positions, owners, coloring),
        normals=gaussians.normals[owners],
    )


def _render(subject: NormalizedCloud, device: str, progress: Progress) -> RenderedViews:
    """Views from all around, or from inside a scene."""
    first, second = (progress.part(progress.stage, *span) for span in ((0, 0.5), (0.5, 1)))
    outer = render_views(subject, fibonacci_cameras(_VIEWS, _VIEW_SIZE), device, first)
    interior = InteriorViews(subject.cloud, outer)
    if not interior.is_scene:
        return outer
    return render_interior(subject, interior.positions, _VIEW_SIZE, device, second)


def _candidate_count(count: int) -> int:
    return max(_LEAST_CANDIDATES * count, min(_MOST_CANDIDATES * count, _TOTAL_LIMIT))


def _draw_candidates(
    gaussians: SurfaceGaussians, count: int, views: ViewArrays, progress: Progress
) -> tuple[Floats, NDArray[np.int32]]:
    """Candidates [M, 3] for `count` points, and the Gaussians [M] that they lie on.

    Those that fall beside the surface, over an edge, are moved to their Gaussian's centre.
    """
    total = _candidate_count(count)
    random = np.random.default_rng(_SEED)
    positions, owners = np.empty((total, 3), np.float32), np.empty(total, np.int32)
    for part, chosen in _systematic_samples(gaussians.weights, total, random):
        progress.step(part.start, total)
        offsets = _disc_samples(len(chosen), random)
        offsets[~are_visible(gaussians.positions(chosen, offsets), views)] = 0
        positions[part], owners[part] = gaussians.positions(chosen, offsets), chosen
    progress.step(total, total)
    return positions, owners


def _systematic_samples(
    weights: NDArray[np.float64], count: int, random: np.random.Generator
) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """Systematic sampling: `count` indices in parts, each proportionally to its weight."""
    ends = np.cumsum(weights)
    ends /= ends[-1]
    first = random.random()
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        levels = (np.arange(start, stop) + first) / count
        yield slice(start, stop), np.minimum(np.searchsorted(ends, levels), len(ends) - 1)


def _disc_samples(count: int, random: np.random.Generator) -> Floats:
    """Points [count, 2], uniform in a disc of radius _DISC_RADIUS."""
    angles = np.float32(2 * np.pi) * random.random(count, np.float32)
    radii = np.float32(_DISC_RADIUS) * np.sqrt(random.random(count, np.float32))
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
