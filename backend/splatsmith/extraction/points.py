"""A point cloud sampled from the Gaussians that form the visible surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.points import PointCloud
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractionOptions
from ..contract.transform import rotation_matrices
from ..progress import Progress
from .views import Views, look_around

_VIEWS, _VIEW_SIZE = 20, 192
_DEPTH_OF_SKIN = 0.03  # of the bounding radius: how far behind the surface still counts as it
_REACH = 1.5  # standard deviations around a Gaussian's centre that points may fall in
_SEED = 0  # the same cloud gives the same points


def extract_points(
    cloud: GaussianCloud, options: ExtractionOptions, progress: Progress
) -> PointCloud:
    """`options.point_count` points in the cloud's frame, with sRGB colours and outward normals.

    Each visible Gaussian gets points by its area and opacity.

    Raises:
        InvalidRequest: there is nothing to see in the cloud.
        Cancelled: between two pictures of it.
    """
    views = look_around(cloud, _VIEWS, _VIEW_SIZE, "cpu", progress)
    axes = rotation_matrices(cloud.quats)
    normals, seen = _normals(cloud, axes, views)
    chances = _area(cloud) * cloud.opacities * seen
    total = chances.sum(dtype=np.float64)
    if not total > 0:
        raise InvalidRequest(
            "No surface was found in this cloud.", "It may be too faint, or too thin to be seen."
        )
    random = np.random.default_rng(_SEED)
    chosen = _shares(chances / total, options.point_count, random)
    return PointCloud(
        positions=_scatter(cloud, axes, chosen, random),
        colors=np.round(255 * cloud.colors[chosen]).astype(np.uint8),
        normals=normals[chosen],
    )


def _normals(
    cloud: GaussianCloud, axes: NDArray[np.float32], views: Views
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Unit normals [N, 3], and which Gaussians [N] are seen at the surface at all."""
    points = (cloud.means - views.sphere.center) / np.float32(views.sphere.radius)
    summed = np.zeros_like(points)
    outwards = np.zeros_like(points)
    seen = np.zeros(len(cloud), np.bool_)
    for i, surface in enumerate(views.normals()):
        sight = views.sight(i, points, _DEPTH_OF_SKIN)
        seen |= sight.seen
        summed[sight.seen] += surface[sight.pixels[sight.seen]]
        outwards[sight.seen] += views.cameras.positions[i]
    shortest = np.take_along_axis(axes, cloud.scales.argmin(axis=1)[:, None, None], axis=2)[..., 0]
    facing = np.einsum("ij,ij->i", shortest, outwards) < 0
    shortest[facing] *= -1
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.where(length > 1e-3, summed / np.maximum(length, 1e-3), shortest), seen


def _area(cloud: GaussianCloud) -> NDArray[np.float32]:
    """Proportional to the area of the ellipse of the two longer axes."""
    ordered = np.sort(cloud.scales, axis=1)
    return ordered[:, 1] * ordered[:, 2]


def _shares(
    chances: NDArray[np.floating], count: int, random: np.random.Generator
) -> NDArray[np.intp]:
    """`count` indices by systematic sampling: each gets its share, to within one."""
    marks = (np.arange(count) + random.random()) / count
    ends = np.cumsum(chances, dtype=np.float64)
    return np.minimum(np.searchsorted(ends / ends[-1], marks, side="right"), len(ends) - 1)


def _scatter(
    cloud: GaussianCloud,
    axes: NDArray[np.float32],
    chosen: NDArray[np.intp],
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """A position in the plane of the two longer axes of each chosen Gaussian."""
    offsets = random.normal(size=(len(chosen), 3)).astype(np.float32)
    offsets[np.arange(len(chosen)), cloud.scales[chosen].argmin(axis=1)] = 0
    length = np.linalg.norm(offsets, axis=1, keepdims=True)
    offsets *= np.minimum(1, _REACH / np.maximum(length, 1e-6)) * cloud.scales[chosen]
    return cloud.means[chosen] + np.einsum("nij,nj->ni", axes[chosen], offsets)
