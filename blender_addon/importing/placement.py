"""Where an asset's objects stand, and in which collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.transform import Y_UP_TO_Z_UP, rotation_matrices

ROOT_COLLECTION = "Splatsmith"

_CORE = 0.02  # of the cloud's weight may lie outside the core on each side of each axis
_REACH = 0.2  # of the box's longest edge: what lies within it of the box belongs to the object
_VISIBLE = 0.1  # opacity below which a splat has no say


@dataclass(frozen=True)
class Bounds:
    """A box in Blender's axes, in the cloud's units."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]

    @property
    def extent(self) -> NDArray[np.float32]:
        return self.upper - self.lower

    @property
    def foot(self) -> NDArray[np.float32]:
        """The middle of its bottom."""
        middle = (self.lower + self.upper) / 2
        return np.array([middle[0], middle[1], self.lower[2]], np.float32)


def measure(cloud: GaussianCloud) -> Bounds:
    """The box of what is seen of a cloud (asset frame); stray splats around it do not count.

    It starts from the inner quantiles of the weighted centres and grows over its neighbours until
    nothing is near: thin legs are reached, a floater behind a gap is not.
    """
    seen = cloud.select(cloud.opacities >= _VISIBLE)
    if not len(seen):
        seen = cloud
    if not len(seen):
        return Bounds(np.zeros(3, np.float32), np.zeros(3, np.float32))
    turn = Y_UP_TO_Z_UP.T.astype(np.float32)
    centers = seen.means @ turn
    inside = _grow(centers, _core(centers, seen.opacities))
    axes = turn.T @ rotation_matrices(seen.quats[inside])
    radii = np.sqrt(np.einsum("nij,nj->ni", axes**2, seen.scales[inside] ** 2))
    return Bounds(
        (centers[inside] - radii).min(axis=0),
        (centers[inside] + radii).max(axis=0),
    )


def asset_collection(scene: bpy.types.Scene, title: str) -> bpy.types.Collection:
    """A new collection named after the asset inside the scene's collection "Splatsmith"."""
    root = next((c for c in scene.collection.children if _is_root(c)), None)
    if root is None:
        root = bpy.data.collections.new(ROOT_COLLECTION)
        scene.collection.children.link(root)
    asset = bpy.data.collections.new(title)
    root.children.link(asset)
    return asset


def place(
    objects: Sequence[bpy.types.Object],
    cloud: GaussianCloud,
    location: Sequence[float],
    size: float | None = None,
) -> None:
    """Let all products of one asset rest at `location` (world, e.g. `scene.cursor.location`).

    One common location and uniform scale: the middle of the cloud's robust bounds stands above
    `location`, their bottom at its height. `size` is the longest edge in metres; None keeps the
    engine's units as metres.
    """
    bounds = measure(cloud)
    longest = float(bounds.extent.max())
    scale = size / longest if size is not None and longest > 0 else 1.0
    corner = np.asarray(location, np.float32) - scale * bounds.foot
    for obj in objects:
        obj.location = corner.tolist()
        obj.scale = (scale,) * 3


def _core(centers: NDArray[np.float32], weights: NDArray[np.float32]) -> Bounds:
    lower, upper = np.empty(3, np.float32), np.empty(3, np.float32)
    for axis in range(3):
        order = np.argsort(centers[:, axis])
        share = np.cumsum(weights[order], dtype=np.float64)
        share /= share[-1] or 1.0
        first, last = np.searchsorted(share, (_CORE, 1 - _CORE))
        lower[axis] = centers[order[first], axis]
        upper[axis] = centers[order[min(last, len(order) - 1)], axis]
    return Bounds(lower, upper)


def _grow(centers: NDArray[np.float32], core: Bounds) -> NDArray[np.bool_]:
    """Which centres belong to the object that `core` is the inner part of."""
    inside = np.zeros(len(centers), bool)
    box = core
    while True:
        reach = _REACH * max(float(box.extent.max()), 1e-6)
        near = (centers >= box.lower - reach) & (centers <= box.upper + reach)
        grown: NDArray[np.bool_] = np.logical_and.reduce(near, axis=1)
        if grown.sum() == inside.sum():
            return grown
        inside = grown
        box = Bounds(centers[inside].min(axis=0), centers[inside].max(axis=0))


def _is_root(collection: bpy.types.Collection) -> bool:
    """Blender appends .001 where another scene already has the name."""
    return collection.name.split(".")[0] == ROOT_COLLECTION
