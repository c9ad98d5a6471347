"""Where an asset is put: its location and size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.bounds import Box, bounding_box
from ..contract.cloud import GaussianCloud
from ..scene.free_ground import find_free_ground
from ..scene.obstacles import eye_location, visible_obstacles

_GRID_SPACING = 1.5  # times the assets' size


@dataclass(frozen=True)
class Placement:
    """Where an asset is put, and how large it is there.

    location: where it stands on the ground; None is the 3D cursor's.
    size: its longest edge in metres; None keeps the file's size.
    scale: metres in a unit of the file, where the file's size is kept.
    keep_place: put it where the file says, with the file's size, instead of on the ground.
    clear: if something stands there, move it aside to the nearest free ground.
    """

    location: tuple[float, float, float] | None = None
    size: float | None = 1.0
    scale: float = 1.0
    keep_place: bool = False
    clear: bool = False

    def resolve(self) -> Placement:
        """This placement with the cursor's present location filled in."""
        return replace(self, location=self.current_location())

    def current_location(self) -> tuple[float, float, float]:
        """The location, or the cursor's present one."""
        if self.location is not None:
            return self.location
        x, y, z = bpy.context.scene.cursor.location
        return x, y, z


@dataclass(frozen=True)
class AssetFit:
    """How all products of an asset come to their place: its size is in their data.

    scale: of their data, about the asset frame's origin.
    location: of their objects, whose rotation is none and whose scale is 1.
    """

    scale: float
    location: tuple[float, float, float]

    def moved(self, x: float, y: float) -> AssetFit:
        """The same, `x` and `y` metres aside."""
        return replace(
            self, location=(self.location[0] + x, self.location[1] + y, self.location[2])
        )

    def apply(self, bounds: Box) -> Box:
        """`bounds` of the data in the world."""
        place = np.array(self.location, np.float32)
        return Box(self.scale * bounds.lower + place, self.scale * bounds.upper + place)


def grid_placements(count: int, placement: Placement) -> list[Placement]:
    """A square grid, row by row, from `placement` along +X and +Y."""
    x, y, z = placement.current_location()
    columns = math.ceil(math.sqrt(count))
    step = _GRID_SPACING * (placement.size or 0.0)
    return [
        replace(placement, location=(x + step * (i % columns), y + step * (i // columns), z))
        for i in range(count)
    ]


def placements_of_files(count: int, placement: Placement) -> list[Placement]:
    """Those of several assets: in a grid, unless each keeps the size or the place of its file."""
    if placement.keep_place or placement.size is None:
        return [placement] * count
    return grid_placements(count, placement)


def cloud_bounds(cloud: GaussianCloud) -> Box:
    """The robust bounds of a cloud (asset frame), in Blender's axes: floaters do not count."""
    box = bounding_box(cloud)
    (x0, y0, z0), (x1, y1, z1) = box.lower, box.upper
    return Box(np.array([x0, -z1, y0], np.float32), np.array([x1, -z0, y1], np.float32))


def object_bounds(obj: bpy.types.Object) -> Box:
    """The bounds of an object, without its transform."""
    corners = np.array(obj.bound_box, np.float32)
    return Box(corners.min(axis=0), corners.max(axis=0))


def fit_to_file(placement: Placement, origin: NDArray[np.float64]) -> AssetFit:
    """What puts an asset where its file does, by a placement that keeps that place.

    origin: [3], where the asset's positions are counted from; Blender's axes.
    """
    x, y, z = (placement.scale * origin).tolist()
    return AssetFit(placement.scale, (x, y, z))


def fit_to_place(
    bounds: Box, location: Sequence[float], size: float | None = None, scale: float = 1.0
) -> AssetFit:
    """What puts the bottom centre of `bounds` at `location` (world, e.g. `scene.cursor.location`).

    `size` is the longest edge in metres; None is that of the file, times `scale`.
    """
    longest = float((bounds.upper - bounds.lower).max())
    if size is not None:
        scale = size / longest if longest > 0 else 1.0
    middle = (bounds.lower + bounds.upper) / 2
    bottom_center = np.array([middle[0], middle[1], bounds.lower[2]], np.float64)
    x, y, z = (np.asarray(location, np.float64) - scale * bottom_center).tolist()
    return AssetFit(scale, (x, y, z))


class Fitting:
    """Fits the products of one asset to one place: the first that is measured determines it."""

    def __init__(self, placement: Placement, fit: AssetFit | None = None) -> None:
        """`fit`: if nothing needs to be measured."""
        self._placement = placement
        self._location = placement.current_location()
        self._fit = fit
        self._pending: Future[Box] | None = None
        # Gathered before the asset's own objects are among them.
        is_cleared = placement.clear and fit is None
        self._obstacles = visible_obstacles() if is_cleared else []
        self._eye = eye_location() if is_cleared else None

    @contextmanager
    def measuring(self, cloud: GaussianCloud | None) -> Iterator[None]:
        """Measure `cloud`, if there is one, in another thread while the body runs."""
        if cloud is None or self._fit is not None:
            yield
            return
        with ThreadPoolExecutor(1) as pool:
            self._pending = pool.submit(cloud_bounds, cloud)
            yield

    @property
    def fit(self) -> AssetFit:
        """Waits for the measurement that goes on."""
        if self._fit is None:
            assert self._pending is not None, "nothing was measured"
            self._set(self._pending.result())
        assert self._fit is not None
        return self._fit

    def measure(self, bounds: Box) -> AssetFit:
        """The fit, by `bounds` if they are the first."""
        if self._fit is None and self._pending is None:
            self._set(bounds)
        return self.fit

    def _set(self, bounds: Box) -> None:
        size, scale = self._placement.size, self._placement.scale
        fit = fit_to_place(bounds, self._location, size, scale)
        self._fit = fit.moved(*find_free_ground(fit.apply(bounds), self._obstacles, self._eye))
