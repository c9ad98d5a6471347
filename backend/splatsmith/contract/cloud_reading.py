"""Splat PLY files of any program, read into a cloud in the asset frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .cloud_origin import PositionReader, extent_of, origin_notes
from .gaussian_cloud import GaussianCloud, empty_cloud
from .harmonics import rotate_harmonics
from .ply import Block, VertexTable, open_vertices
from .problems import UnreadableCloud
from .splat_columns import MEANS, columns_of, find_columns
from .up_axis import UpAxis, to_asset_rotation, turned_quaternions, turned_vectors, up_axis_in

log = logging.getLogger(__name__)

_MAX_DROPPED = 0.1  # share of Gaussians that may be dropped; beyond it, the file is damaged
_IDENTITY = (1, 0, 0, 0)  # the rotation that writers of a zero quaternion mean


@dataclass(frozen=True)
class LoadedCloud:
    """A cloud as it was read from a file, in the asset frame.

    Attributes:
        cloud: the Gaussians; their place in the file's world is `cloud.means + origin`.
        origin: [3] float64, what was subtracted from the positions while they were read, turned to
            the asset frame as they were. Zero, unless they are too far away for 32 bits.
        up: the axis of the file that became +Y: as given, else as the file says, else Y.
        notes: sentences for the user on what was left out, filled in or mended.
    """

    cloud: GaussianCloud
    origin: NDArray[np.float64]
    up: UpAxis
    notes: tuple[str, ...] = ()


def load_cloud(path: Path, up: UpAxis | None = None) -> LoadedCloud:
    """Read a splat PLY file of any program: see `splat_columns` for what is understood.

    Gaussians with non-finite values, of which training leaves a few, are dropped; if only their
    harmonics are not finite, these become zero.

    Args:
        up: the file's axis that points up; None is what its header says, or Y.

    Raises:
        UnreadableCloud: not a splat file, cut off, or too many values are not finite.
        OSError: it cannot be opened.
    """
    table = open_vertices(path)
    return _Reading(table, up or up_axis_in(table.comments) or UpAxis.Y).load()


def read_cloud(path: Path) -> GaussianCloud:
    """The Gaussians of `load_cloud`; its notes are logged.

    Raises:
        UnreadableCloud, OSError: as there.
    """
    loaded = load_cloud(path)
    for note in loaded.notes:
        log.warning("%s: %s", path.name, note)
    return loaded.cloud


class _Reading:
    """A file while it is read into a cloud."""

    def __init__(self, table: VertexTable, up: UpAxis) -> None:
        self.table = table
        self.up = up
        self.columns = find_columns(table)
        self.positions = PositionReader(table, [self.columns.sources[name] for name in MEANS])
        self.mended = 0  # Gaussians whose harmonics were no numbers

    def load(self) -> LoadedCloud:
        cloud = empty_cloud(self.table.count, self.columns.degree)
        filled = 0
        for _, block in self.table.blocks():
            part = cloud.rows(slice(filled, filled + len(block)))
            with np.errstate(over="ignore", invalid="ignore"):
                self._copy(block, part)
            kept, mended = _drop_non_finite(part)
            filled += kept
            self.mended += mended
        cloud = cloud.rows(slice(0, filled))
        self.columns.finish(cloud.sh0, cloud.opacities)
        extent = extent_of(cloud.means, cloud.scales)
        origin = self.positions.settle(cloud.means, extent, self.up)
        return LoadedCloud(cloud, origin, self.up, self._notes(filled, origin))

    def _copy(self, block: Block, part: GaussianCloud) -> None:
        sources = self.columns.sources
        self.positions.read(block, part.means)
        for name, column in columns_of(part):
            if name in sources and name not in MEANS:
                column[:] = block[sources[name]]
        self.columns.complete(block, part.scales, part.quats, part.opacities)
        _activate(part, has_logits=self.columns.alpha is None)
        self.columns.fuse_filter(block, part.scales, part.opacities)
        _turn(part, self.up)

    def _notes(self, filled: int, origin: NDArray[np.float64]) -> tuple[str, ...]:
        return (
            *_dropped_notes(self.table.count - filled, self.table),
            *_mended_notes(self.mended),
            *self.columns.notes,
            *origin_notes(origin),
        )


def _activate(part: GaussianCloud, has_logits: bool) -> None:
    """Convert the file's log scales, logits and unnormalised quaternions, in place."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        np.exp(part.scales, out=part.scales)
        if has_logits:
            part.opacities[:] = 1 / (1 + np.exp(-part.opacities))
        w, x, y, z = part.quats.T
        length = np.sqrt(w * w + x * x + y * y + z * z)
        length[length == np.inf] = np.nan  # also the square of finite values may overflow
        for component in (w, x, y, z):  # faster than a row at a time
            component /= length
        part.quats[length == 0] = _IDENTITY


def _drop_non_finite(part: GaussianCloud) -> tuple[int, int]:
    """Move the Gaussians whose values are all finite to the front.

    Returns their number, and how many of them had other harmonics than numbers, which are zero now.
    """
    arrays = (part.means, part.quats, part.scales, part.opacities, part.sh0)
    finite_rows = np.ones(len(part), np.bool_)
    for array in arrays:
        finite = np.isfinite(array)
        if not finite.all():
            finite_rows &= finite.reshape(len(part), -1).all(axis=1)
    mended = _clear_non_finite(part.shN) & finite_rows
    count = int(np.count_nonzero(finite_rows))
    if count < len(part):
        for array in (*arrays, part.shN):
            array[:count] = array[finite_rows]
    return count, int(np.count_nonzero(mended))


def _clear_non_finite(shN: NDArray[np.float32]) -> NDArray[np.bool_]:  # noqa: N803
    """Set the harmonics of Gaussians that have one that is no number to zero; returns which."""
    finite = np.isfinite(shN)
    if finite.all():
        return np.zeros(len(shN), np.bool_)
    cleared = np.asarray(~finite.all(axis=(1, 2)))
    shN[cleared] = 0
    return cleared


def _turn(part: GaussianCloud, up: UpAxis) -> None:
    """Turn `up` to +Y, in place."""
    if up is UpAxis.Y:
        return
    part.means[:] = turned_vectors(part.means, up)
    part.quats[:] = turned_quaternions(part.quats, up)
    part.shN[:] = rotate_harmonics(part.shN, to_asset_rotation(up))


def _dropped_notes(count: int, table: VertexTable) -> tuple[str, ...]:
    if count > _MAX_DROPPED * table.count:
        raise UnreadableCloud(
            f"{table.path.name} is damaged: {count:,} of its {table.count:,} Gaussians have values "
            "that are not numbers.",
            "Export it again, without such Gaussians.",
        )
    if not count:
        return ()
    return (f"Left out for values that are not numbers: {count:,} of {table.count:,} Gaussians.",)


def _mended_notes(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (
        f"Shown in one color from all sides, as their harmonics are not numbers: {count:,} "
        "Gaussians.",
    )
