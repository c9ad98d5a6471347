"""Clouds as splat PLY files, in the form that 3D Gaussian Splatting (Kerbl et al. 2023) defined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .cloud_origin import origin_comments
from .gaussian_cloud import GaussianCloud
from .ply import Block, write_vertices
from .splat_columns import MEANS, OPACITY, QUATS, SCALES, SH0, columns_of
from .up_axis import UpAxis, up_comments

_ROWS = 1 << 13
# Logarithms and logits stay finite, as some readers refuse infinities.
_MIN_SCALE = 1e-20
_MIN_OPACITY = 1e-7

OnProgress = Callable[[float], None]
"""Called with the share of a file that is written, up to 1. An error that it raises ends the
writing, and the file is as it was before."""


def ignore_progress(_share: float) -> None:
    """For callers that show none."""


def write_cloud(
    path: Path,
    cloud: GaussianCloud,
    origin: NDArray[np.float64] | None = None,
    up: UpAxis = UpAxis.Y,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Write a binary splat PLY file, atomically.

    Args:
        origin: [3] float64, where the cloud's zero lies; kept in the header, for `load_cloud`.
        up: the axis of `cloud` and `origin` that points up, likewise.

    Raises:
        OSError: it cannot be written.
    """
    dtype = _file_dtype(cloud, "<f4")
    comments = [*origin_comments(origin), *up_comments(up)]
    blocks = _reported(_file_blocks(cloud, dtype), len(cloud), on_progress)
    write_vertices(path, len(cloud), dtype, blocks, comments)


def write_far_cloud(
    path: Path,
    cloud: GaussianCloud,
    origin: NDArray[np.float64],
    up: UpAxis = UpAxis.Y,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Write a binary splat PLY file with 64-bit positions, atomically.

    Args:
        origin: [3] float64, where the cloud's zero lies; it is added to the positions.
        up: as in `write_cloud`.

    Raises:
        OSError: it cannot be written.
    """
    dtype = _file_dtype(cloud, "<f8")
    blocks = _moved(_file_blocks(cloud, dtype), origin)
    reported = _reported(blocks, len(cloud), on_progress)
    write_vertices(path, len(cloud), dtype, reported, up_comments(up))


def _file_dtype(cloud: GaussianCloud, position: str) -> np.dtype[np.void]:
    rest = tuple(f"f_rest_{i}" for i in range(3 * cloud.shN.shape[1]))
    others = (*SH0, *rest, OPACITY, *SCALES, *QUATS)
    return np.dtype([*((name, position) for name in MEANS), *((name, "<f4") for name in others)])


def _moved(blocks: Iterable[Block], origin: NDArray[np.float64]) -> Iterator[Block]:
    for block in blocks:
        for name, offset in zip(MEANS, origin, strict=True):
            block[name] += offset
        yield block


def _reported(blocks: Iterable[Block], count: int, on_progress: OnProgress) -> Iterator[Block]:
    written = 0
    for block in blocks:
        yield block
        written += len(block)
        on_progress(written / count)


def _file_blocks(cloud: GaussianCloud, dtype: np.dtype[np.void]) -> Iterator[Block]:
    for start in range(0, len(cloud), _ROWS):
        part = _deactivated(cloud.rows(slice(start, start + _ROWS)))
        block = np.empty(len(part), dtype)
        for name, column in columns_of(part):
            block[name] = column
        yield block


def _deactivated(part: GaussianCloud) -> GaussianCloud:
    opacities = np.clip(part.opacities, _MIN_OPACITY, 1 - _MIN_OPACITY)
    logits = np.log(opacities / (1 - opacities))
    scales = np.log(np.maximum(part.scales, np.float32(_MIN_SCALE)))
    return GaussianCloud(part.means, part.quats, scales, logits, part.sh0, part.shN)
