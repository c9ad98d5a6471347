"""Gaussians in memory, and their PLY file as 3D Gaussian Splatting (Kerbl et al. 2023) defined it.

In memory all values are activated (linear); logarithms, logits and channel-major harmonics exist
only in the file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .harmonics import rotate_harmonics
from .ply import Block, VertexTable, open_vertices, write_vertices
from .problems import UnreadableCloud
from .up_axis import UpAxis, to_asset_rotation, turned_quaternions, turned_vectors, up_axis_in

log = logging.getLogger(__name__)

MAX_DEGREE = 4
SH_C0 = 0.28209479177387814  # the constant spherical harmonic: colour = 0.5 + SH_C0 * sh0

_COEFFICIENTS = {degree: (degree + 1) ** 2 - 1 for degree in range(MAX_DEGREE + 1)}
_DEGREES = {count: degree for degree, count in _COEFFICIENTS.items()}
_MEANS = ("x", "y", "z")
_SH0 = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALES = ("scale_0", "scale_1", "scale_2")
_QUATS = ("rot_0", "rot_1", "rot_2", "rot_3")
_REQUIRED = (*_MEANS, *_SH0, "opacity", *_SCALES, *_QUATS)
_WRITE_ROWS = 1 << 13
_MAX_DROPPED = 0.1  # share of Gaussians that may be dropped; beyond it, the file is damaged
_IDENTITY = (1, 0, 0, 0)  # the rotation that writers of a zero quaternion mean
# Logarithms and logits stay finite, as some readers refuse infinities.
_MIN_SCALE = 1e-20
_MIN_OPACITY = 1e-7


@dataclass(frozen=True)
class GaussianCloud:
    """N Gaussians; every array is float32.

    Attributes:
        means: [N, 3] centres.
        quats: [N, 4] rotations, wxyz, unit length.
        scales: [N, 3] standard deviations along the rotated axes, linear.
        opacities: [N] 0..1.
        sh0: [N, 3] constant harmonic, raw: colour = 0.5 + SH_C0 * sh0, sRGB.
        shN: [N, K, 3] higher harmonics; K is 0, 3, 8, 15 or 24 for degree 0 to 4.

    Raises:
        ValueError: an array has another shape or type.
    """

    means: NDArray[np.float32]
    quats: NDArray[np.float32]
    scales: NDArray[np.float32]
    opacities: NDArray[np.float32]
    sh0: NDArray[np.float32]
    shN: NDArray[np.float32]  # noqa: N815  (the field's name everywhere)

    def __post_init__(self) -> None:
        n = len(self.means)
        k = self.shN.shape[1] if self.shN.ndim == 3 else -1
        if k not in _DEGREES:
            raise ValueError(f"shN is {self.shN.shape}, not [N, 0 | 3 | 8 | 15 | 24, 3]")
        shapes = {
            "means": (n, 3),
            "quats": (n, 4),
            "scales": (n, 3),
            "opacities": (n,),
            "sh0": (n, 3),
            "shN": (n, k, 3),
        }
        for name, shape in shapes.items():
            array = cast("NDArray[np.float32]", getattr(self, name))
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError(f"{name} is {array.dtype}{array.shape}, not float32{shape}")

    def __len__(self) -> int:
        return len(self.means)

    @property
    def degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 4."""
        return _DEGREES[self.shN.shape[1]]

    @property
    def colors(self) -> NDArray[np.float32]:
        """[N, 3] view-independent colours, sRGB, 0..1."""
        return np.clip(0.5 + np.float32(SH_C0) * self.sh0, 0, 1)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> GaussianCloud:
        """The Gaussians at a mask or at indices; all arrays are copied."""
        return GaussianCloud(
            self.means[chosen],
            self.quats[chosen],
            self.scales[chosen],
            self.opacities[chosen],
            self.sh0[chosen],
            self.shN[chosen],
        )


def empty_cloud(count: int, degree: int) -> GaussianCloud:
    """A cloud of `count` Gaussians with uninitialised arrays.

    Each coefficient of `shN` is contiguous in memory: that makes rotating a band, and turning a
    coefficient into an attribute, four times as fast as one contiguous row per Gaussian.
    """
    vectors = (np.empty((count, *shape), np.float32) for shape in ((3,), (4,), (3,), (), (3,)))
    planes = np.empty((_COEFFICIENTS[degree], count, 3), np.float32)
    return GaussianCloud(*vectors, shN=planes.transpose(1, 0, 2))


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
    """Read a splat PLY file: degree 0 to 4, properties in any order, unknown ones ignored.

    Gaussians with non-finite values, of which training leaves a few, are dropped.

    Args:
        up: the file's axis that points up; None is what its header says, or Y.

    Raises:
        UnreadableCloud: not a splat file, cut off, or too many values are not finite.
        OSError: it cannot be opened.
    """
    table = open_vertices(path)
    up = up or up_axis_in(table.comments) or UpAxis.Y
    cloud = empty_cloud(table.count, _degree_of(table))
    filled = 0
    for _, block in table.blocks():
        part = _view(cloud, slice(filled, filled + len(block)))
        _copy_columns(block, part)
        _activate(part)
        _turn(part, up)
        filled += _drop_non_finite(part)
    notes = _dropped_notes(table.count - filled, table)
    return LoadedCloud(_view(cloud, slice(0, filled)), np.zeros(3), up, notes)


def read_cloud(path: Path) -> GaussianCloud:
    """The Gaussians of `load_cloud`; its notes are logged.

    Raises:
        UnreadableCloud, OSError: as there.
    """
    loaded = load_cloud(path)
    for note in loaded.notes:
        log.warning("%s: %s", path.name, note)
    return loaded.cloud


def write_cloud(path: Path, cloud: GaussianCloud) -> None:
    """Write a binary splat PLY file, atomically.

    Raises:
        OSError: it cannot be written.
    """
    rest = tuple(f"f_rest_{i}" for i in range(3 * cloud.shN.shape[1]))
    names = (*_MEANS, *_SH0, *rest, "opacity", *_SCALES, *_QUATS)
    dtype = np.dtype([(name, "<f4") for name in names])
    write_vertices(path, len(cloud), dtype, _file_blocks(cloud, dtype))


def _degree_of(table: VertexTable) -> int:
    names = set(table.names)
    if "packed_position" in names:
        raise UnreadableCloud(
            f"{table.path.name} is a compressed PLY file, which is not supported.",
            "Convert it to a plain splat PLY file.",
        )
    if missing := [name for name in _REQUIRED if name not in names]:
        raise UnreadableCloud(
            f"{table.path.name} is not a splat file: its points have no {missing[0]!r}.",
            "Choose a PLY file of 3D Gaussian splats.",
        )
    rest = sum(name.startswith("f_rest_") for name in names)
    if rest % 3 or rest // 3 not in _DEGREES or (rest and f"f_rest_{rest - 1}" not in names):
        raise UnreadableCloud(
            f"{table.path.name} has {rest} f_rest properties.",
            "A splat file has 0, 9, 24, 45 or 72, numbered from 0.",
        )
    return _DEGREES[rest // 3]


def _view(cloud: GaussianCloud, rows: slice) -> GaussianCloud:
    return GaussianCloud(
        cloud.means[rows],
        cloud.quats[rows],
        cloud.scales[rows],
        cloud.opacities[rows],
        cloud.sh0[rows],
        cloud.shN[rows],
    )


def _columns(cloud: GaussianCloud) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each property of the file with the column of `cloud` that holds it."""
    groups = ((_MEANS, cloud.means), (_SH0, cloud.sh0), (_SCALES, cloud.scales))
    for names, array in (*groups, (_QUATS, cloud.quats)):
        for i, name in enumerate(names):
            yield name, array[:, i]
    yield "opacity", cloud.opacities
    k = cloud.shN.shape[1]
    for i in range(3 * k):  # channel-major: all of red, then green, then blue
        yield f"f_rest_{i}", cloud.shN[:, i % k, i // k]


def _copy_columns(block: Block, part: GaussianCloud) -> None:
    for name, column in _columns(part):
        column[:] = block[name]


def _activate(part: GaussianCloud) -> None:
    """Convert the file's log scales, logits and unnormalised quaternions, in place."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        np.exp(part.scales, out=part.scales)
        part.opacities[:] = 1 / (1 + np.exp(-part.opacities))
        q = part.quats
        length = np.sqrt(np.einsum("ij,ij->i", q, q))
        length[length == np.inf] = np.nan  # also the square of finite values may overflow
        q /= length[:, None]
        q[length == 0] = _IDENTITY


def _drop_non_finite(part: GaussianCloud) -> int:
    """Move the Gaussians whose values are all finite to the front; returns their number."""
    arrays = (part.means, part.quats, part.scales, part.opacities, part.sh0, part.shN)
    finite_rows = np.ones(len(part), np.bool_)
    for array in arrays:
        finite = np.isfinite(array)
        if not finite.all():
            finite_rows &= finite.reshape(len(part), -1).all(axis=1)
    count = int(np.count_nonzero(finite_rows))
    if count < len(part):
        for array in arrays:
            array[:count] = array[finite_rows]
    return count


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
    return (
        f"{count:,} of {table.count:,} Gaussians have values that are not numbers; "
        "they are left out.",
    )


def _file_blocks(cloud: GaussianCloud, dtype: np.dtype[np.void]) -> Iterator[Block]:
    for start in range(0, len(cloud), _WRITE_ROWS):
        part = _deactivated(_view(cloud, slice(start, start + _WRITE_ROWS)))
        block = np.empty(len(part), dtype)
        for name, column in _columns(part):
            block[name] = column
        yield block


def _deactivated(part: GaussianCloud) -> GaussianCloud:
    opacities = np.clip(part.opacities, _MIN_OPACITY, 1 - _MIN_OPACITY)
    logits = np.log(opacities / (1 - opacities))
    scales = np.log(np.maximum(part.scales, np.float32(_MIN_SCALE)))
    return GaussianCloud(part.means, part.quats, scales, logits, part.sh0, part.shN)
