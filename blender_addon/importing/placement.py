"""The transform of an asset's objects, and their collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.transform import Y_UP_TO_Z_UP, rotation_matrices

ROOT_COLLECTION = "Splatsmith"

_CORE = 0.02  # quantile of the opacity outside the core, on each side of each axis
_MARGIN = 0.2  # around the box, of its longest edge, within which centres belong to the object
_VISIBLE = 0.1  # least opacity of the splats that count


@dataclass(frozen=True)
class Bounds:
    """A box in Blender's axes, in the cloud's units."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]

    @property
    def extent(self) -> NDArray[np.float32]:
        return self.upper - self.lower

    @property
    def bottom_center(self) -> NDArray[np.float32]:
        """The centre of its bottom face."""
        middle = (self.lower + self.upper) / 2
        return np.array([middle[0], middle[1], self.lower[2]], np.float32)


def measure(cloud: GaussianCloud) -> Bounds:
    """The robust bounds of a cloud (asset frame): transparent splats and floaters do not count.

    The box of the inner quantiles of the opacity-weighted centres is grown by a margin until no
    more centres are inside: thin legs are included, a floater beyond a gap is not.
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


def place_objects(
    objects: Sequence[bpy.types.Object],
    cloud: GaussianCloud,
    location: Sequence[float],
    size: float | None = None,
) -> None:
    """Put all products of one asset at `location` (world, e.g. `scene.cursor.location`).

    All get one location and uniform scale, which put the bottom centre of the cloud's robust bounds
    at `location`. `size` is the longest edge in metres; None keeps the engine's units as metres.
    """
    bounds = measure(cloud)
    longest = float(bounds.extent.max())
    scale = size / longest if size is not None and longest > 0 else 1.0
    corner = np.asarray(location, np.float32) - scale * bounds.bottom_center
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
    """Mask [N] of the centres connected to `core`."""
    inside = np.zeros(len(centers), bool)
    box = core
    while True:
        margin = _MARGIN * max(float(box.extent.max()), 1e-6)
        near = (centers >= box.lower - margin) & (centers <= box.upper + margin)
        grown: NDArray[np.bool_] = np.logical_and.reduce(near, axis=1)
        if grown.sum() == inside.sum():
            return grown
        inside = grown
        box = Bounds(centers[inside].min(axis=0), centers[inside].max(axis=0))


def _is_root(collection: bpy.types.Collection) -> bool:
    """Blender appends .001 if another scene has a collection of that name."""
    return collection.name.split(".")[0] == ROOT_COLLECTION
