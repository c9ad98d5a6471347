"""Coloured point clouds, and their PLY file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .cloud_origin import PositionReader, extent_of, origin_comments, origin_notes
from .color_columns import brightest, color_names, full_value
from .ply import VertexTable, open_vertices, write_vertices
from .problems import UnreadableCloud
from .splat_columns import is_splats, standard_names
from .up_axis import UpAxis, turned_vectors, up_axis_in

_POSITION = ("x", "y", "z")
_NORMAL = ("nx", "ny", "nz")
_COLOR = ("red", "green", "blue")
_DTYPE = np.dtype([(n, "<f4") for n in (*_POSITION, *_NORMAL)] + [(n, "u1") for n in _COLOR])
_COLORLESS = 255  # white
_ROUNDING = 1e-5


@dataclass(frozen=True)
class PointCloud:
    """N points.

    Attributes:
        positions: [N, 3] float32.
        colors: [N, 3] uint8, sRGB.
        normals: [N, 3] float32, unit length, pointing outwards; [0, 3] if the points have none.

    Raises:
        ValueError: an array has another shape or type.
    """

    positions: NDArray[np.float32]
    colors: NDArray[np.uint8]
    normals: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.positions)
        normals = count if self.has_normals else 0
        arrays = (
            (self.positions, np.float32, count),
            (self.colors, np.uint8, count),
            (self.normals, np.float32, normals),
        )
        for array, dtype, rows in arrays:
            if array.shape != (rows, 3) or array.dtype != dtype:
                raise ValueError(f"{array.dtype}{array.shape}, not {dtype.__name__}{(rows, 3)}")

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def has_normals(self) -> bool:
        return len(self.normals) > 0


@dataclass(frozen=True)
class LoadedPoints:
    """Points as they were read from a file, in the asset frame; see `LoadedCloud`."""

    points: PointCloud
    origin: NDArray[np.float64]
    up: UpAxis
    notes: tuple[str, ...] = ()


def load_points(path: Path, up: UpAxis | None = None) -> LoadedPoints:
    """Read a PLY file of points. Those without colors are white; normals may be absent.

    Points whose position is not finite are left out.

    Args:
        up: the file's axis that points up; None is what its header says, or Y.

    Raises:
        UnreadableCloud: not such a file, cut off, or damaged.
        OSError: it cannot be opened.
    """
    table = open_vertices(path)
    names = standard_names(table)
    missing = [name for name in _POSITION if name not in names]
    if missing:
        raise _no_points(path, f"its vertices have no {missing[0]!r}")
    if is_splats(table):
        raise _no_points(path, "it holds Gaussian splats")
    if any(each.name == "face" and each.count for each in table.header.elements):
        raise _no_points(path, "it holds a mesh")
    return _PointReading(table, names, up or up_axis_in(table.comments) or UpAxis.Y).load()


def read_points(path: Path) -> PointCloud:
    """The points of `load_points`.

    Raises:
        UnreadableCloud, OSError: as there.
    """
    return load_points(path).points


def write_points(path: Path, points: PointCloud, origin: NDArray[np.float64] | None = None) -> None:
    """Write a binary PLY file, atomically.

    Args:
        origin: [3] float64, where the points' zero lies; kept in the header.

    Raises:
        OSError: it cannot be written.
    """
    columns = dict(_columns(points))
    dtype = np.dtype([(name, _DTYPE[name]) for name in columns])
    block = np.empty(len(points), dtype)
    for name, array in columns.items():
        block[name] = array
    write_vertices(path, len(points), dtype, [block], origin_comments(origin))


def _no_points(path: Path, reason: str) -> UnreadableCloud:
    return UnreadableCloud(
        f"{path.name} is not a file of points: {reason}.", "Choose a PLY file of points."
    )


class _PointReading:
    """A file while its points are read."""

    def __init__(self, table: VertexTable, names: dict[str, str], up: UpAxis) -> None:
        self.table = table
        self.up = up
        self.colors = [names[name] for name in color_names(names) or ()]
        self.normals = [names[name] for name in _NORMAL if name in names]
        self.positions = PositionReader(table, [names[name] for name in _POSITION])

    def load(self) -> LoadedPoints:
        positions, colors, normals = np.empty((3, self.table.count, 3), np.float32)
        for rows, block in self.table.blocks():
            with np.errstate(over="ignore", invalid="ignore"):
                self.positions.read(block, positions[rows])
                for names, array in ((self.colors, colors), (self.normals, normals)):
                    for axis, name in enumerate(names):
                        array[rows, axis] = block[name]
        kept: NDArray[np.bool_] = np.all(np.isfinite(positions), axis=1)
        rows = slice(None) if kept.all() else kept
        positions = turned_vectors(positions[rows], self.up)
        points = PointCloud(positions, self._bytes(colors[rows]), self._unit(normals[rows]))
        origin = self.positions.settle(positions, extent_of(positions), self.up)
        notes = (*_left_out_notes(kept), *origin_notes(origin))
        return LoadedPoints(points, origin, self.up, notes)

    def _bytes(self, colors: NDArray[np.float32]) -> NDArray[np.uint8]:
        if not self.colors:
            return np.full(colors.shape, _COLORLESS, np.uint8)
        full = full_value(self.table.kind(self.colors[0]), brightest(colors))
        shares = np.nan_to_num(colors / full, posinf=1, neginf=0)
        return np.round(255 * np.clip(shares, 0, 1)).astype(np.uint8)

    def _unit(self, normals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normals in the asset frame; none if any is missing or zero, as exporters fill them in."""
        if len(self.normals) < len(_NORMAL):
            return np.empty((0, 3), np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", normals, normals))[:, None]
        if not (lengths > 0).all() or not np.isfinite(lengths).all():
            return np.empty((0, 3), np.float32)
        lengths[np.abs(lengths - 1) < _ROUNDING] = 1
        return turned_vectors(normals / lengths, self.up)


def _left_out_notes(kept: NDArray[np.bool_]) -> tuple[str, ...]:
    left_out = len(kept) - int(np.count_nonzero(kept))
    if not left_out:
        return ()
    return (f"Left out for values that are not numbers: {left_out:,} of {len(kept):,} points.",)


def _columns(points: PointCloud) -> Iterator[tuple[str, NDArray[np.float32] | NDArray[np.uint8]]]:
    groups = ((_POSITION, points.positions), (_NORMAL, points.normals), (_COLOR, points.colors))
    for names, array in groups:
        if len(array) or not len(points):
            for i, name in enumerate(names):
                yield name, array[:, i]
