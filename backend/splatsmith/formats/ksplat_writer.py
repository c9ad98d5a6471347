"""Writing .ksplat files: one section, of compression level 1, as the format's own tools make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud
from ..contract.files import atomic_write
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .ksplat import (
    BUCKET_BYTES,
    HARMONIC_RANGE,
    HEADER,
    HEADER_BYTES,
    RANGE,
    SECTION,
    SECTION_BYTES,
    Layout,
)
from .quantization import to_bytes

LEVEL = 1
BUCKET_SIZE = 256
BLOCKS = 8  # along the longest side of the cloud, at least
_LARGEST_BLOCK = 5.0  # the format's own tools' block, in units of the scene
_BLOCK = 1 << 16  # Gaussians that are written at a time


@dataclass(frozen=True)
class Buckets:
    """Gaussians by their place.

    Attributes:
        order: [N] indices of the Gaussians, bucket by bucket, full ones first.
        lengths: [B] Gaussians in each bucket.
        centers: [B, 3] of their blocks.
        full: how many of the buckets are full.
        block_size: of a block, along each axis.
    """

    order: NDArray[np.intp]
    lengths: NDArray[np.int64]
    centers: NDArray[np.float32]
    full: int
    block_size: float


def write(path: Path, cloud: GaussianCloud, _up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, of degree 2 at most and in the file's axes, bucket by bucket."""
    layout = Layout(LEVEL, cloud.degree)
    buckets = make_buckets(cloud.means)
    with atomic_write(path) as part, part.open("xb") as file:
        file.write(_headers(cloud, layout, buckets))
        file.write(buckets.lengths[buckets.full :].astype("<u4").tobytes())
        file.write(buckets.centers.astype("<f4").tobytes())
        centers = np.repeat(buckets.centers, buckets.lengths, axis=0)
        for start in range(0, len(cloud), _BLOCK):
            progress.step(start, len(cloud))
            inside = slice(start, start + _BLOCK)
            chosen = cloud.select(buckets.order[inside])
            _rows(chosen, layout, centers[inside], buckets.block_size).tofile(file)


def make_buckets(means: NDArray[np.float32]) -> Buckets:
    """Buckets of at most BUCKET_SIZE Gaussians that share a block.

    Blocks of 5 units suit captures in metres; a small object has smaller ones, for precision.
    """
    low = means.min(axis=0).astype(np.float64)
    extent = float((means.max(axis=0) - low).max())
    block_size = float(np.float32(min(_LARGEST_BLOCK, extent / BLOCKS) or 1.0))
    cells = np.floor((means - low) / block_size).astype(np.int64)
    order = np.lexsort(cells.T[::-1])
    _, first, counts = np.unique(cells[order], axis=0, return_index=True, return_counts=True)
    # Each block's Gaussians in groups of BUCKET_SIZE, the last one of which may be smaller.
    groups = -(-counts // BUCKET_SIZE)
    block = np.repeat(np.arange(len(counts)), groups)
    nth = np.arange(len(block)) - np.repeat(np.cumsum(groups) - groups, groups)
    lengths = np.minimum(BUCKET_SIZE, counts[block] - nth * BUCKET_SIZE)
    starts = first[block] + nth * BUCKET_SIZE
    is_full = lengths == BUCKET_SIZE
    arranged = np.argsort(~is_full, kind="stable")
    corners = cells[order][first][block][arranged]
    offsets = np.arange(len(means)) - np.repeat(
        np.cumsum(lengths[arranged]) - lengths[arranged], lengths[arranged]
    )
    return Buckets(
        order=order[np.repeat(starts[arranged], lengths[arranged]) + offsets],
        lengths=lengths[arranged],
        centers=(low + (corners + 0.5) * block_size).astype(np.float32),
        full=int(np.count_nonzero(is_full)),
        block_size=block_size,
    )


def _headers(cloud: GaussianCloud, layout: Layout, buckets: Buckets) -> bytes:
    count = len(cloud)
    header = np.zeros((), HEADER)
    header["minor"] = 1
    header["max_sections"] = header["sections"] = 1
    header["max_count"] = header["count"] = count
    header["level"] = layout.level
    header["center"] = (cloud.means.min(axis=0) + cloud.means.max(axis=0)) / 2
    header["least_harmonic"], header["most_harmonic"] = -HARMONIC_RANGE, HARMONIC_RANGE
    section = np.zeros((), SECTION)
    section["count"] = section["max_count"] = count
    section["bucket_size"], section["buckets"] = BUCKET_SIZE, len(buckets.lengths)
    section["block_size"], section["bucket_bytes"] = buckets.block_size, BUCKET_BYTES
    section["range"] = RANGE
    section["full_buckets"] = buckets.full
    section["partial_buckets"] = partial = len(buckets.lengths) - buckets.full
    section["storage_bytes"] = (
        count * layout.row.itemsize + BUCKET_BYTES * len(buckets.lengths) + 4 * partial
    ) & 0xFFFFFFFF
    section["degree"] = layout.degree
    return header.tobytes().ljust(HEADER_BYTES, b"\0") + section.tobytes().ljust(
        SECTION_BYTES, b"\0"
    )


def _rows(
    part: GaussianCloud, layout: Layout, centers: NDArray[np.float32], block_size: float
) -> NDArray[np.void]:
    rows = np.zeros(len(part), layout.row)
    step = block_size / 2 / RANGE
    rows["position"] = np.clip(np.rint((part.means - centers) / step) + RANGE, 0, 2 * RANGE)
    rows["scale"] = part.scales
    rows["rotation"] = part.quats
    rows["color"][:, :3] = to_bytes(255 * (0.5 + SH_C0 * part.sh0))
    rows["color"][:, 3] = to_bytes(255 * part.opacities)
    for band in range(1, layout.degree + 1):
        inside = slice(band * band - 1, (band + 1) ** 2 - 1)
        planes = part.shN[:, inside].transpose(0, 2, 1)
        rows["harmonics"][:, 3 * inside.start : 3 * inside.stop] = planes.reshape(len(part), -1)
    return rows
