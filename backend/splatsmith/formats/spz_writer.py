"""Writing SPZ files, version 3: the newest one that every reader knows."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud
from ..contract.files import atomic_write
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .blocks import blocks_of
from .quantization import HALF_ROOT, split_smallest_three, to_bytes
from .spz import COLOR_SCALE, HEADER, MAGIC, MAGNITUDE

VERSION = 3
_FRACTION_BITS = 12  # those that the format's own tools write
_EXTENT_BITS = 17  # that the cloud's extent has at least
_LARGEST = (1 << 23) - 1  # of a position's number


def write(path: Path, cloud: GaussianCloud, _up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, of the asset frame. Harmonics get all 8 bits that the format has."""
    bits = fraction_bits(cloud.means)
    header = HEADER.pack(MAGIC, VERSION, len(cloud), cloud.degree, bits, 0, 0)
    with (
        atomic_write(path) as part,
        part.open("xb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as stream,
    ):
        stream.write(header)
        for rows in _attributes(cloud, bits, progress):
            stream.write(rows.tobytes())


def fraction_bits(means: NDArray[np.float32]) -> int:
    """Bits after the point: as many as the extent deserves and the largest position allows."""
    extent = float((means.max(axis=0) - means.min(axis=0)).max())
    wanted = _EXTENT_BITS - int(np.floor(np.log2(extent))) if extent > 0 else _FRACTION_BITS
    largest = float(np.abs(means).max())
    allowed = int(np.floor(np.log2(_LARGEST / largest))) if largest > 0 else 24
    return max(0, min(max(_FRACTION_BITS, wanted), allowed, 24))


def _attributes(
    cloud: GaussianCloud, bits: int, progress: Progress
) -> Iterator[NDArray[np.generic]]:
    """The attributes in the file's order, block by block."""
    encoders = (
        lambda part: _fixed_point(part.means, bits),
        lambda part: to_bytes(255 * part.opacities),
        lambda part: to_bytes(255 * (0.5 + COLOR_SCALE * part.sh0)),
        lambda part: to_bytes(16 * (_log(part.scales) + 10)),
        lambda part: _smallest_three(part.quats),
        lambda part: to_bytes(128 + 128 * part.shN),
    )
    for stage, encode in enumerate(encoders):
        part = progress.part(progress.stage, stage / len(encoders), (stage + 1) / len(encoders))
        yield from map(encode, blocks_of(cloud, part))


def _log(scales: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(scales, np.float32(1e-20)))


def _fixed_point(means: NDArray[np.float32], bits: int) -> NDArray[np.uint8]:
    """[N, 3, 3] bytes, the lowest first."""
    numbers = np.rint(np.ldexp(means.astype(np.float64), bits))
    fixed = np.clip(numbers, -_LARGEST - 1, _LARGEST).astype("<i4")
    return fixed[:, :, None].view(np.uint8)[:, :, :3]


def _smallest_three(quats: NDArray[np.float32]) -> NDArray[np.uint32]:
    """[N] words of rotations wxyz [N, 4]; the file's order is xyzw."""
    largest, others = split_smallest_three(np.roll(quats, -1, axis=1))
    scaled = np.floor(np.abs(others) / HALF_ROOT * MAGNITUDE + 0.5)
    magnitude = np.minimum(scaled, MAGNITUDE).astype("<u4")
    a, b, c = (magnitude | (others < 0).astype("<u4") << 9).T
    return largest.astype("<u4") << 30 | a << 20 | b << 10 | c
