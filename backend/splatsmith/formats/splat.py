"""antimatter15's .splat: 32 bytes a Gaussian and no header.

Position and scale are floats, color with opacity four bytes, rotation four bytes of (q + 1) * 128.
There are no harmonics. What tells such a file is that all its rotations have length 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud, empty_cloud
from ..contract.files import atomic_write
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .blocks import BLOCK, blocks_of
from .decoded import DecodedSplats
from .limits import check_count, damaged
from .quantization import to_bytes

ROW = np.dtype(
    [("position", "<f4", 3), ("scale", "<f4", 3), ("color", "u1", 4), ("rotation", "u1", 4)]
)
_UNIT = (0.9, 1.1)  # lengths of rotations, which bytes blur


def is_splat(head: bytes, file_bytes: int) -> bool:
    """Whether a file of `file_bytes` that begins with `head` can be a .splat file."""
    rows = np.frombuffer(head[: len(head) // ROW.itemsize * ROW.itemsize], ROW)
    if not len(rows) or file_bytes % ROW.itemsize:
        return False
    lengths = np.linalg.norm(_rotations(rows), axis=1)
    sound = np.isfinite(rows["position"]).all(axis=1) & (rows["scale"] >= 0).all(axis=1)
    is_unit = (lengths > _UNIT[0]) & (lengths < _UNIT[1])
    return bool(np.mean(is_unit & sound) > 0.95)


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a .splat file.

    Raises:
        UnreadableCloud: it has no whole number of them.
    """
    count, rest = divmod(path.stat().st_size, ROW.itemsize)
    if rest:
        raise damaged(path, f"it has {rest} bytes beyond its last whole Gaussian of 32")
    check_count(path, count)
    cloud = empty_cloud(count, 0)
    with path.open("rb") as file:
        for start in range(0, count, BLOCK):
            progress.step(start, count)
            rows = np.fromfile(file, ROW, min(BLOCK, count - start))
            _decode(cloud, slice(start, start + len(rows)), rows)
    return DecodedSplats(cloud)


def write(path: Path, cloud: GaussianCloud, _up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, of degree 0 and in the file's axes."""
    with atomic_write(path) as part, part.open("xb") as file:
        for block in blocks_of(cloud, progress):
            _rows(block).tofile(file)


def _decode(cloud: GaussianCloud, target: slice, rows: NDArray[np.void]) -> None:
    cloud.means[target] = rows["position"]
    cloud.scales[target] = rows["scale"]
    cloud.quats[target] = _rotations(rows)
    channels = rows["color"].astype(np.float32) / np.float32(255)
    cloud.sh0[target] = (channels[:, :3] - np.float32(0.5)) / np.float32(SH_C0)
    cloud.opacities[target] = channels[:, 3]


def _rotations(rows: NDArray[np.void]) -> NDArray[np.float32]:
    """[N, 4] wxyz, of about unit length."""
    return ((rows["rotation"].astype(np.float32) - 128) / 128).astype(np.float32)


def _rows(part: GaussianCloud) -> NDArray[np.void]:
    rows = np.empty(len(part), ROW)
    rows["position"] = part.means
    rows["scale"] = part.scales
    rows["color"][:, :3] = to_bytes(255 * (0.5 + SH_C0 * part.sh0))
    rows["color"][:, 3] = to_bytes(255 * part.opacities)
    rows["rotation"] = to_bytes(part.quats * 128 + 128)
    return rows
