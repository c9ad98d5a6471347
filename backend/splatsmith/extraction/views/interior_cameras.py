"""Camera positions inside a cloud, for what cannot be seen from outside of it.

From outside, a captured room or a landscape under a dome of sky shows nothing but its shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from ...contract.bounds import VISIBLE_OPACITY
from ...contract.cloud import GaussianCloud
from ...gaussians.cameras import Cameras
from ...progress import Progress
from ..array_types import Mask
from .rendered_views import SURFACE_ALPHA, NormalizedCloud, RenderedViews, render_views
from .visibility import view_arrays, visible_gaussians

_GRID_CELLS = 32  # along the unit sphere's diameter
_CLEARANCE = 0.12  # of the radius: free space that a camera needs around it
_MAX_POSITIONS = 6
_FOV = 95.0  # of the six faces of a cube map, with a little overlap
_HIDDEN_SHARE = 0.6  # of the Gaussians, from which on a cloud is a scene, seen from inside
_SAMPLES = 20_000
_SEED = 0


@dataclass(frozen=True)
class InteriorViews:
    """Where a cloud in the unit sphere can be viewed from inside; `outer` are views around it."""

    cloud: GaussianCloud
    outer: RenderedViews

    @cached_property
    def is_scene(self) -> bool:
        """Whether most Gaussians are hidden from outside: a scene rather than an object."""
        random = np.random.default_rng(_SEED)
        sample = random.choice(self._opaque, min(_SAMPLES, len(self._opaque)), replace=False)
        visible = visible_gaussians(self.cloud.select(sample), view_arrays(self.outer))
        return 1 - float(visible.mean()) > _HIDDEN_SHARE and len(self.positions) > 0

    @cached_property
    def positions(self) -> NDArray[np.float32]:
        """[P, 3] camera positions: empty, far apart, and hidden from all outer views."""
        return _free_positions(self.cloud.means[self._opaque], self.outer)

    @cached_property
    def _opaque(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.cloud.opacities > VISIBLE_OPACITY)


def render_interior(
    subject: NormalizedCloud,
    positions: NDArray[np.float32],
    size: int,
    device: str,
    progress: Progress,
) -> RenderedViews:
    """Six views, `size` pixels a side, from each of `positions` [P, 3].

    Raises:
        Cancelled: between two images.
    """
    return render_views(subject, _cube_cameras(positions, size), device, progress)


def _free_positions(means: NDArray[np.float32], outer: RenderedViews) -> NDArray[np.float32]:
    """Positions with clearance from all Gaussians that no outer view shows."""
    steps = (np.arange(_GRID_CELLS, dtype=np.float32) + 0.5) * (2 / _GRID_CELLS) - 1
    centers = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = np.clip(((means + 1) * (_GRID_CELLS / 2)).astype(np.intp), 0, _GRID_CELLS - 1)
    empty = np.ones((_GRID_CELLS,) * 3, np.bool_)
    empty[tuple(cells.T)] = False
    clearance = np.asarray(distance_transform_edt(empty)).reshape(-1) * (2 / _GRID_CELLS)
    free = np.flatnonzero((clearance > _CLEARANCE) & (np.linalg.norm(centers, axis=1) < 1))
    free = free[_are_occluded(centers[free], outer)]
    return _farthest_points(centers[free], clearance[free])


def _are_occluded(points: NDArray[np.float32], outer: RenderedViews) -> Mask:
    """[N] whether every view shows a surface in front of the point."""
    occluded = np.ones(len(points), np.bool_)
    for i in range(len(outer)):
        alphas = outer.rendering.alphas[i].reshape(-1)
        samples = outer.sample(i, points)
        in_front = alphas[samples.pixels] >= SURFACE_ALPHA
        occluded &= (samples.depth_differences < 0) & in_front
    return occluded


def _farthest_points(
    points: NDArray[np.float32], clearance: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Farthest-point sampling of `points` [N, 3], from the one of the largest clearance on."""
    if not len(points):
        return points
    chosen = [int(clearance.argmax())]
    while len(chosen) < _MAX_POSITIONS:
        gaps = KDTree(points[chosen]).query(points)[0]
        if gaps.max() < 2 * _CLEARANCE:
            break
        chosen.append(int((gaps * np.minimum(clearance, gaps)).argmax()))
    return points[chosen]


def _cube_cameras(positions: NDArray[np.float32], size: int) -> Cameras:
    """Cameras that look along both directions of each axis."""
    rotations = []
    for axis in range(3):
        for sign in (1, -1):
            forward = np.zeros(3)
            forward[axis] = sign
            down = np.eye(3)[2 if axis == 1 else 1] * -1
            rotations.append(np.stack([np.cross(down, forward), down, forward]))
    viewmats = np.tile(np.eye(4, dtype=np.float32), (len(positions), 6, 1, 1))
    viewmats[:, :, :3, :3] = np.array(rotations)
    viewmats[:, :, :3, 3] = -np.einsum("tij,pj->pti", np.array(rotations), positions)
    focal = 0.5 * size / np.tan(np.radians(_FOV) / 2)
    k = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], np.float32)
    count = 6 * len(positions)
    return Cameras(viewmats.reshape(count, 4, 4), np.tile(k, (count, 1, 1)), size, size)
