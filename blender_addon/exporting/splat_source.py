"""What an export writes: the splats of objects, as they are in the scene, as one cloud."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.merging import merge_clouds
from ..contract.problems import SplatsmithError
from ..contract.transform import (
    Y_UP_TO_Z_UP,
    InvalidTransform,
    apply_affine,
    linear_part,
)
from ..contract.up_axis import UpAxis, to_asset_rotation
from ..scene.georeference import exact_matrix, is_in_place
from ..scene.splats import copy_splat_attributes, is_splats, stored_cloud

_STEP = 2.0**-23  # of a 32-bit number of size 1
_MAX_STEP = 1e-4  # of the splats' extent, where their positions are still good enough

_Matrix = NDArray[np.float64]  # [4, 4]


class NothingToExport(SplatsmithError):
    """Raised when there are no splats among the objects to export."""

    code = "nothing-to-export"
    title = "There is nothing to export"
    status = 422


@dataclass(frozen=True)
class SplatSource:
    """Splats copied from objects of the scene, to be written to a file. Any thread may use it.

    parts: each object's cloud in its own axes, with the matrix from there to the file's, less
        `origin`.
    origin: [3], where the file's positions are counted from; None unless they are too far away
        from the file's own origin for 32 bits.
    others: how many of the objects have no splats.
    """

    parts: tuple[tuple[GaussianCloud, _Matrix], ...]
    up: UpAxis
    origin: NDArray[np.float64] | None = None
    others: int = 0

    @property
    def count(self) -> int:
        """Of all splats."""
        return sum(len(cloud) for cloud, _ in self.parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user on what is left out."""
        if not self.others:
            return ()
        have, were = ("has", "was") if self.others == 1 else ("have", "were")
        total = self.others + len(self.parts)
        return (f"{self.others} of the {total} objects {have} no splats and {were} left out.",)

    def cloud(self) -> GaussianCloud:
        """All splats in the file's axes, relative to `origin`."""
        placed = (apply_affine(cloud, matrix) for cloud, matrix in self.parts)
        if len(self.parts) == 1:
            return next(placed)
        degree = max(cloud.degree for cloud, _ in self.parts)
        return merge_clouds(placed, self.count, degree)


def copy_splats(objects: Iterable[bpy.types.Object], up: UpAxis = UpAxis.Y) -> SplatSource:
    """Copy the splats of `objects`, as they are in the scene; objects without splats are counted.

    Raises:
        NothingToExport: none of them has splats.
        NoSplats: one of them is empty or being edited.
        InvalidTransform: one of them has a scale of 0.
    """
    given = list(dict.fromkeys(objects))
    splats = [obj for obj in given if is_splats(obj)]
    if not splats:
        raise NothingToExport(_nothing_among(given), "Choose objects with Gaussian splats.")
    bpy.context.view_layer.update()
    matrices = [_to_file(up) @ exact_matrix(obj) for obj in splats]
    for obj, matrix in zip(splats, matrices, strict=True):
        _check(obj, matrix)
    origin = _far_origin(splats, matrices)
    if origin is not None:
        for matrix in matrices:
            matrix[:3, 3] -= origin
    clouds = [stored_cloud(copy_splat_attributes(obj)) for obj in splats]
    parts = tuple(zip(clouds, matrices, strict=True))
    return SplatSource(parts, up, origin, len(given) - len(splats))


def _nothing_among(objects: Sequence[bpy.types.Object]) -> str:
    match objects:
        case []:
            return "There are no objects to export."
        case [obj]:
            return f"{obj.name!r} has no splats."
        case _:
            return f"None of the {len(objects)} objects has splats."


def _to_file(up: UpAxis) -> _Matrix:
    """From Blender's axes to those of a file in which `up` points up."""
    matrix = np.eye(4)
    matrix[:3, :3] = to_asset_rotation(up).T @ Y_UP_TO_Z_UP.T
    return matrix


def _check(obj: bpy.types.Object, matrix: _Matrix) -> None:
    """Refuse what `apply_affine` would refuse later, with the object's name."""
    try:
        linear_part(matrix)
    except InvalidTransform as error:
        detail = f"{obj.name!r} cannot be exported. {error.detail}"
        raise InvalidTransform(detail, error.remedy) from error


def _far_origin(
    splats: Sequence[bpy.types.Object], matrices: Sequence[_Matrix]
) -> NDArray[np.float64] | None:
    """A point amid the splats, if 32-bit positions are too coarse there.

    They are if they can be seen to be, or if a file had more digits and its splats are in place.
    """
    corners = np.concatenate(
        [
            np.array(obj.bound_box, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
            for obj, matrix in zip(splats, matrices, strict=True)
        ]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    extent = float((high - low).max())
    is_coarse = 0 < _MAX_STEP * extent < _STEP * float(np.abs(corners).max())
    if is_coarse or any(map(is_in_place, splats)):
        return np.round((low + high) / 2)
    return None
