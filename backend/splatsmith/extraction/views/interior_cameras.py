"""Places inside a cloud from which to see what cannot be seen from outside it.

A captured room, or a landscape under a dome of sky, shows its surroundings nothing but its shell.
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
from .rendered_views import NormalizedCloud, RenderedViews, render_views
from .visibility import view_arrays, visible_gaussians

_CELLS = 32  # along the unit sphere's diameter
_CLEARANCE = 0.12  # of the radius: what a camera needs around it
_MOST_PLACES = 6
_FOV = 95.0  # of six pictures that show everything around, with a little overlap
_HIDDEN = 0.6  # share of the Gaussians that makes a cloud a scene, seen from inside
_SAMPLE = 20_000
_SEED = 0


@dataclass(frozen=True)
class InteriorViews:
    """What is inside of a cloud in the unit sphere that `outer` shows from all around."""

    cloud: GaussianCloud
    outer: RenderedViews

    @cached_property
    def is_scene(self) -> bool:
        """Whether the cloud is a scene, to be seen from inside, rather than a thing."""
        random = np.random.default_rng(_SEED)
        sample = random.choice(self._solid, min(_SAMPLE, len(self._solid)), replace=False)
        seen = visible_gaussians(self.cloud.select(sample), view_arrays(self.outer))
        return 1 - float(seen.mean()) > _HIDDEN and len(self.places) > 0

    @cached_property
    def places(self) -> NDArray[np.float32]:
        """Places [P, 3] to look from."""
        return _roomy_places(self.cloud.means[self._solid], self.outer)

    @cached_property
    def _solid(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.cloud.opacities > VISIBLE_OPACITY)


def render_interior(
    subject: NormalizedCloud,
    places: NDArray[np.float32],
    size: int,
    device: str,
    progress: Progress,
) -> RenderedViews:
    """Six pictures, `size` pixels each, from every one of `places` [P, 3].

    Raises:
        Cancelled: between two pictures.
    """
    return render_views(subject, _in_all_directions(places, size), device, progress)


def _roomy_places(solid: NDArray[np.float32], outer: RenderedViews) -> NDArray[np.float32]:
    """Empty places, far from each other and from all Gaussians, that no outer camera sees."""
    steps = (np.arange(_CELLS, dtype=np.float32) + 0.5) * (2 / _CELLS) - 1
    centers = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = np.clip(((solid + 1) * (_CELLS / 2)).astype(np.intp), 0, _CELLS - 1)
    empty = np.ones((_CELLS,) * 3, np.bool_)
    empty[tuple(cells.T)] = False
    clearance = np.asarray(distance_transform_edt(empty)).reshape(-1) * (2 / _CELLS)
    roomy = np.flatnonzero((clearance > _CLEARANCE) & (np.linalg.norm(centers, axis=1) < 1))
    roomy = roomy[_are_hidden(centers[roomy], outer)]
    return _apart(centers[roomy], clearance[roomy])


def _are_hidden(points: NDArray[np.float32], outer: RenderedViews) -> NDArray[np.bool_]:
    """[N] whether every picture shows something in front of the point."""
    hidden = np.ones(len(points), np.bool_)
    for i in range(len(outer)):
        alphas = outer.rendering.alphas[i].reshape(-1)
        sight = outer.sight(i, points, np.inf)
        hidden &= (sight.gap < 0) & (alphas[sight.pixels] >= 0.5)
    return hidden


def _apart(points: NDArray[np.float32], clearance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Few of `points` [N, 3]: the roomiest, then always the farthest from those chosen."""
    if not len(points):
        return points
    chosen = [int(clearance.argmax())]
    while len(chosen) < _MOST_PLACES:
        gaps = KDTree(points[chosen]).query(points)[0]
        if gaps.max() < 2 * _CLEARANCE:
            break
        chosen.append(int((gaps * np.minimum(clearance, gaps)).argmax()))
    return points[chosen]


def _in_all_directions(places: NDArray[np.float32], size: int) -> Cameras:
    """Cameras that look along both directions of each axis."""
    turns = []
    for axis in range(3):
        for sign in (1, -1):
            forward = np.zeros(3)
            forward[axis] = sign
            down = np.eye(3)[2 if axis == 1 else 1] * -1
            turns.append(np.stack([np.cross(down, forward), down, forward]))
    viewmats = np.tile(np.eye(4, dtype=np.float32), (len(places), 6, 1, 1))
    viewmats[:, :, :3, :3] = np.array(turns)
    viewmats[:, :, :3, 3] = -np.einsum("tij,pj->pti", np.array(turns), places)
    focal = 0.5 * size / np.tan(np.radians(_FOV) / 2)
    k = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], np.float32)
    count = 6 * len(places)
    return Cameras(viewmats.reshape(count, 4, 4), np.tile(k, (count, 1, 1)), size, size)
