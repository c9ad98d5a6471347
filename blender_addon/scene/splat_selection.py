"""Which splats of an object an edit takes away, as masks [N]."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import OnProgress, ignore_progress
from ..contract.problems import InvalidRequest
from ..contract.transform import rotation_matrices
from .convex_volumes import Axes, ConvexVolume
from .neighbor_distances import far_from_others
from .point_data import is_point_attribute, read_attribute
from .progress_parts import part_of
from .splats import ATTRIBUTE_WIDTHS, BASE, NoSplats

_SIGMAS = 3.0  # where renderers cut a splat off
_BLOCK = 1 << 16
_SEARCHED_LIMIT = 0.5  # of the limit: how much lower ones a search ahead prepares

Mask = NDArray[np.bool_]  # [N]


class CropSide(StrEnum):
    """Which splats a crop keeps."""

    INSIDE = "inside"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class FloaterCriteria:
    """What makes a splat a floater: any of these that is not None.

    min_opacity: a lower opacity, 0..1.
    max_size: a larger standard deviation than so many times the median, along its longest axis.
    max_distance: a larger distance to the k-th nearest splat than so many times the median.
    neighbors: k. Groups of up to k splats are floaters too, if they are far from all others.

    Raises:
        InvalidRequest: a value is out of range, or nothing is asked for.
    """

    min_opacity: float | None = 0.02
    max_size: float | None = None
    max_distance: float | None = 10.0
    neighbors: int = 16

    def __post_init__(self) -> None:
        if self.min_opacity is self.max_size is self.max_distance is None:
            raise InvalidRequest("No criterion is chosen.", "Choose opacity, size or distance.")
        for value in (self.min_opacity, self.max_size, self.max_distance):
            if value is not None and not 0 <= value < np.inf:
                raise InvalidRequest(f"{value} is no limit.", "Give a number of 0 or more.")
        if self.neighbors < 1:
            raise InvalidRequest("Floaters need a neighbor.", "Set the neighbors to 1 or more.")


@dataclass(frozen=True)
class FloaterSearch:
    """The long part of a search for floaters, which uses no bpy: `run` may be on any thread.

    positions: of each object [N, 3]. What is found is kept, so that `floaters` with these criteria,
    and with limits of distance down to half, takes no time afterwards.
    """

    positions: tuple[NDArray[np.float32], ...]
    max_distance: float
    neighbors: int

    def __len__(self) -> int:
        return sum(map(len, self.positions))

    def run(self, on_progress: OnProgress = ignore_progress) -> None:
        """What `on_progress` raises ends the search."""
        limit, done = _SEARCHED_LIMIT * self.max_distance, 0
        for positions in self.positions:
            part = part_of(on_progress, done / len(self), len(positions) / len(self))
            far_from_others(positions, limit, self.neighbors, part)
            done += len(positions)


def floater_search(
    objects: Collection[bpy.types.Object], criteria: FloaterCriteria
) -> FloaterSearch | None:
    """The long part of `floaters` for all `objects`; None if there is none.

    Raises:
        NoSplats: an object has none.
    """
    if criteria.max_distance is None:
        return None
    positions = tuple(read_values(obj, "position") for obj in objects)
    return FloaterSearch(positions, criteria.max_distance, criteria.neighbors)


def outside_of_crop(
    splats: bpy.types.Object,
    volume: ConvexVolume,
    side: CropSide,
    whole: bool,
    on_progress: OnProgress = ignore_progress,
) -> Mask:
    """The splats that a crop by `volume` (world space) deletes.

    A splat is where its centre is. With `whole`, those kept are on their side up to three standard
    deviations.
    """
    local = volume.before(np.array(splats.matrix_world, np.float64))
    positions = read_values(splats, "position")
    deleted = np.empty(len(positions), np.bool_)
    extents = _Extents(splats) if whole else None
    for start in range(0, len(positions), _BLOCK):
        rows = slice(start, start + _BLOCK)
        points = positions[rows].T.astype(np.float64)
        if extents is None:
            kept = local.contains(points) == (side is CropSide.INSIDE)
        elif side is CropSide.INSIDE:
            kept = local.contains_whole(points, extents.half_axes(rows))
        else:
            kept = local.excludes_whole(points, extents.half_axes(rows))
        deleted[rows] = ~kept
        on_progress(min(rows.stop, len(positions)) / len(positions))
    return deleted


def floaters(
    splats: bpy.types.Object,
    criteria: FloaterCriteria,
    on_progress: OnProgress = ignore_progress,
) -> Mask:
    """The splats that meet any of the criteria."""
    opacities = _opacities(splats)
    found = np.zeros(len(opacities), np.bool_)
    if criteria.min_opacity is not None:
        found |= ~(opacities >= criteria.min_opacity)
    if criteria.max_size is not None:
        sizes = read_values(splats, "scale").max(axis=1)
        finite = sizes[np.isfinite(sizes)]
        found |= ~(sizes <= criteria.max_size * (np.median(finite) if len(finite) else 0))
    if criteria.max_distance is not None:
        positions = read_values(splats, "position")
        limit, neighbors = criteria.max_distance, criteria.neighbors
        found |= far_from_others(positions, limit, neighbors, on_progress)
    return found


def least_visible(splats: bpy.types.Object, count: int) -> Mask:
    """All but the `count` splats that hide most: by opacity times the area of the larger section.

    This is how the engines prune (`engines.diffusiongs.pruning`).

    Raises:
        InvalidRequest: `count` is below 1.
    """
    if count < 1:
        raise InvalidRequest(f"{count} splats cannot be kept.", "Keep 1 or more.")
    _, middle, longest = np.sort(read_values(splats, "scale"), axis=1).T
    weights = np.nan_to_num(_opacities(splats) * middle * longest, nan=0.0)
    deleted = np.ones(len(weights), np.bool_)
    deleted[np.argsort(-weights, kind="stable")[:count]] = False
    return deleted


class _Extents:
    """The ellipsoids of three standard deviations around an object's splats."""

    def __init__(self, splats: bpy.types.Object) -> None:
        self._rotations = read_values(splats, "rotation")
        self._scales = read_values(splats, "scale")

    def half_axes(self, rows: slice) -> Axes:
        axes = rotation_matrices(self._rotations[rows]) * (_SIGMAS * self._scales[rows, None, :])
        return axes.transpose(1, 2, 0).astype(np.float64)


def read_values(splats: bpy.types.Object, name: str) -> NDArray[np.float32]:
    """One of the attributes that all splats have, [N, W].

    Raises:
        NoSplats: the object has none of this name and width.
    """
    attribute = splats.data.attributes.get(name)
    values = read_attribute(attribute) if is_point_attribute(attribute) else None
    if values is None or values.shape[1:] != (ATTRIBUTE_WIDTHS[name],):
        raise NoSplats(f"{splats.name!r} is no splat object.", "Select Gaussian splats.")
    return values


def _opacities(splats: bpy.types.Object) -> NDArray[np.float32]:
    return read_values(splats, BASE)[:, 3]
