"""Coloured point clouds with normals, and their PLY file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .cloud_origin import origin_comments
from .ply import open_vertices, write_vertices
from .problems import UnreadableCloud

_POSITION = ("x", "y", "z")
_NORMAL = ("nx", "ny", "nz")
_COLOR = ("red", "green", "blue")
_DTYPE = np.dtype([(n, "<f4") for n in (*_POSITION, *_NORMAL)] + [(n, "u1") for n in _COLOR])


@dataclass(frozen=True)
class PointCloud:
    """N points.

    Attributes:
        positions: [N, 3] float32.
        colors: [N, 3] uint8, sRGB.
        normals: [N, 3] float32, unit length, pointing outwards.

    Raises:
        ValueError: an array has another shape or type.
    """

    positions: NDArray[np.float32]
    colors: NDArray[np.uint8]
    normals: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = (len(self.positions), 3)
        arrays = (self.positions, self.colors, self.normals)
        for array, dtype in zip(arrays, (np.float32, np.uint8, np.float32), strict=True):
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{array.dtype}{array.shape}, not {dtype.__name__}{shape}")

    def __len__(self) -> int:
        return len(self.positions)


def read_points(path: Path) -> PointCloud:
    """Read a PLY file of points that have colours and normals.

    Raises:
        UnreadableCloud: not such a file, cut off, or values are not finite.
        OSError: it cannot be opened.
    """
    table = open_vertices(path)
    if missing := [n for n in (*_POSITION, *_NORMAL, *_COLOR) if n not in table.names]:
        raise UnreadableCloud(
            f"{path.name} is not a file of coloured points: they have no {missing[0]!r}.",
            "Export it with normals and colours.",
        )
    shape = (table.count, 3)
    points = PointCloud(
        np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty(shape, np.float32)
    )
    for rows, block in table.blocks():
        for column, array in _columns(points):
            array[rows] = block[column]
    if not (np.isfinite(points.positions).all() and np.isfinite(points.normals).all()):
        raise UnreadableCloud(
            f"{path.name} is damaged: a point has a value that is not a number.", "Export it again."
        )
    return points


def write_points(path: Path, points: PointCloud, origin: NDArray[np.float64] | None = None) -> None:
    """Write a binary PLY file, atomically.

    Args:
        origin: [3] float64, where the points' zero lies; kept in the header.

    Raises:
        OSError: it cannot be written.
    """
    block = np.empty(len(points), _DTYPE)
    for column, array in _columns(points):
        block[column] = array
    write_vertices(path, len(points), _DTYPE, [block], origin_comments(origin))


def _columns(points: PointCloud) -> Iterator[tuple[str, NDArray[np.float32] | NDArray[np.uint8]]]:
    groups = ((_POSITION, points.positions), (_NORMAL, points.normals), (_COLOR, points.colors))
    for names, array in groups:
        for i, name in enumerate(names):
            yield name, array[:, i]
