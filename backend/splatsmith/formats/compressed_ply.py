"""SuperSplat's compressed PLY: chunks of 256 Gaussians with their bounds, four words a Gaussian.

Position and log scale have 11, 10 and 11 bits between the chunk's bounds, rotation 2 + 3 x 10,
color 3 x 8 bits between the chunk's bounds, opacity 8; harmonics are bytes from -4 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import plyfile
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud, empty_cloud
from ..contract.files import atomic_write
from ..contract.up_axis import UpAxis, up_axis_in, up_comments
from ..progress import Progress
from .decoded import DecodedSplats
from .limits import check_count, cut_off, damaged
from .quantization import (
    HALF_ROOT,
    from_unorm,
    join_smallest_three,
    morton_order,
    split_smallest_three,
    to_bytes,
    to_unorm,
)

CHUNK = 256
_MAX_LOG_SCALE = 20.0
_SH_RANGE = 4.0  # harmonics are -4..4
_BOUNDS = tuple(
    f"{end}_{prefix}{axis}"
    for prefix, axes in (("", "xyz"), ("scale_", "xyz"), ("", "rgb"))
    for end in ("min", "max")
    for axis in axes
)
_WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_DEGREES = {0: 0, 9: 1, 24: 2, 45: 3}
_BLOCK = 64 * CHUNK  # Gaussians that are coded at a time
_LISTS = re.compile(rb"^property\s+list\s", re.MULTILINE)

Rows = NDArray[np.void]


def is_compressed_ply(header: bytes) -> bool:
    """Whether a PLY file that begins with `header` is a compressed one."""
    return b"packed_position" in header.partition(b"end_header")[0]


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a compressed PLY file.

    Raises:
        UnreadableCloud: it is damaged.
    """
    comments, vertices, chunks, harmonics = _open(path)
    count = len(vertices)
    cloud = empty_cloud(count, _DEGREES[len(harmonics.dtype.names or ())])
    bounds = _bounds(chunks)
    for start in range(0, count, _BLOCK):
        progress.step(start, count)
        rows = slice(start, min(start + _BLOCK, count))
        chunk = np.arange(rows.start, rows.stop) // CHUNK
        _decode(cloud, rows, vertices[rows], bounds[chunk])
        _decode_harmonics(cloud, rows, harmonics)
    return DecodedSplats(cloud, up_axis_in(comments))


def write(path: Path, cloud: GaussianCloud, up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, of degree 3 at most and in the file's axes, in the order of Morton's curve."""
    order = morton_order(cloud.means)
    coefficients = 3 * cloud.shN.shape[1]
    with atomic_write(path) as part, part.open("xb") as file:
        file.write(_header(len(cloud), coefficients, up))
        blocks = list(_coded_blocks(cloud, order, progress))
        for table in range(3 if coefficients else 2):
            for block in blocks:
                file.write(np.ascontiguousarray(block[table]).tobytes())


def _open(path: Path) -> tuple[list[str], Rows, Rows, Rows]:
    """The header's comments, and the elements of the file, mapped to memory, not read."""
    try:
        with path.open("rb") as file:
            if _LISTS.search(file.read(1 << 16).partition(b"end_header")[0]):
                raise damaged(path, "it has lists, which compressed PLY files have not")
        data = cast("Any", plyfile).PlyData.read(str(path), mmap="r")
        elements = {element.name: element.data for element in data.elements}
        vertices, chunks = elements["vertex"], elements["chunk"]
    except (plyfile.PlyParseError, ValueError, KeyError, OverflowError) as error:
        raise damaged(path, f"its header or its tables cannot be read ({error})") from error
    check_count(path, len(vertices))
    harmonics = elements.get("sh", np.empty(len(vertices), []))
    _check_tables(path, vertices, chunks, harmonics)
    return list(data.comments), vertices, chunks, harmonics


def _check_tables(path: Path, vertices: Rows, chunks: Rows, harmonics: Rows) -> None:
    if missing := [each for each in _WORDS if each not in (vertices.dtype.names or ())]:
        raise damaged(path, f"its Gaussians have no {missing[0]}")
    if missing := [each for each in _BOUNDS[:12] if each not in (chunks.dtype.names or ())]:
        raise damaged(path, f"its chunks have no {missing[0]}")
    if len(chunks) * CHUNK < len(vertices) or len(harmonics) != len(vertices):
        raise cut_off(path)
    names = harmonics.dtype.names or ()
    if len(names) not in _DEGREES or set(names) != {f"f_rest_{i}" for i in range(len(names))}:
        raise damaged(path, f"it has {len(names)} harmonics; there may be 0, 9, 24 or 45")
    if any(harmonics.dtype[name] != np.uint8 for name in names):
        raise damaged(path, "its harmonics are not bytes")


def _bounds(chunks: Rows) -> NDArray[np.float32]:
    """[C, 6, 3]: least and most position, log scale and color of each chunk."""
    names = chunks.dtype.names or ()
    bounds = np.zeros((len(chunks), 18), np.float32)
    bounds[:, 15:] = 1  # files of the first version have no bounds of color: 0 to 1
    for i, name in enumerate(_BOUNDS):
        if name in names:
            bounds[:, i] = chunks[name]
    return bounds.reshape(len(chunks), 6, 3)


def _decode(cloud: GaussianCloud, rows: slice, words: Rows, bounds: NDArray[np.float32]) -> None:
    position, rotation, scale, color = (words[name].astype(np.uint32) for name in _WORDS)
    cloud.means[rows] = _between(_unpack_11_10_11(position), bounds[:, 0], bounds[:, 1])
    log_scales = _between(_unpack_11_10_11(scale), bounds[:, 2], bounds[:, 3])
    cloud.scales[rows] = np.exp(log_scales)
    channels = np.stack([from_unorm(color >> shift, 8) for shift in (24, 16, 8, 0)], axis=1)
    colors = _between(channels[:, :3], bounds[:, 4], bounds[:, 5])
    cloud.sh0[rows] = (colors - np.float32(0.5)) / np.float32(SH_C0)
    cloud.opacities[rows] = channels[:, 3]
    others = np.stack([from_unorm(rotation >> shift, 10) for shift in (20, 10, 0)], axis=1)
    scaled = (others - np.float32(0.5)) / np.float32(HALF_ROOT)
    cloud.quats[rows] = join_smallest_three((rotation >> 30).astype(np.intp), scaled)


def _unpack_11_10_11(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    parts = (from_unorm(words >> 21, 11), from_unorm(words >> 11, 10), from_unorm(words, 11))
    return np.stack(parts, axis=1)


def _between(
    fractions: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]
) -> NDArray[np.float32]:
    return (low * (1 - fractions) + high * fractions).astype(np.float32)


def _decode_harmonics(cloud: GaussianCloud, rows: slice, harmonics: Rows) -> None:
    """Bytes from -4 to 4; 0 and 255 stand for the ends, the others for their middles."""
    k = cloud.shN.shape[1]
    for i in range(3 * k):  # channel-major, as in plain PLY
        stored = harmonics[f"f_rest_{i}"][rows].astype(np.float32)
        fractions = np.select([stored == 0, stored == 255], [0, 1], (stored + 0.5) / 256)
        cloud.shN[rows, i % k, i // k] = (fractions - 0.5) * (2 * _SH_RANGE)


def _header(count: int, coefficients: int, up: UpAxis) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", "comment Generated by Splatsmith"]
    lines += [f"comment {comment}" for comment in up_comments(up)]
    lines += [f"element chunk {-(-count // CHUNK)}"]
    lines += [f"property float {name}" for name in _BOUNDS]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in _WORDS)]
    if coefficients:
        lines += [f"element sh {count}"]
        lines += [f"property uchar f_rest_{i}" for i in range(coefficients)]
    return "\n".join([*lines, "end_header", ""]).encode("ascii")


def _coded_blocks(
    cloud: GaussianCloud, order: NDArray[np.intp], progress: Progress
) -> Iterator[tuple[NDArray[np.generic], ...]]:
    """Bounds [C, 18], words [N, 4] and harmonics [N, 3 K] of a block after the other."""
    for start in range(0, len(order), _BLOCK):
        progress.step(start, len(order))
        part = cloud.select(order[start : start + _BLOCK])
        bounds, words = _encode(part)
        yield bounds.astype("<f4"), words.astype("<u4"), _encode_harmonics(part)


def _encode(part: GaussianCloud) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    colors = part.sh0 * np.float32(SH_C0) + np.float32(0.5)
    with np.errstate(divide="ignore"):
        log_scales = np.clip(np.log(part.scales), -_MAX_LOG_SCALE, _MAX_LOG_SCALE)
    starts = np.arange(0, len(part), CHUNK)
    chunk = np.arange(len(part)) // CHUNK
    bounds, fractions = [], []
    for values in (part.means, log_scales, colors):
        low = np.minimum.reduceat(values, starts)
        high = np.maximum.reduceat(values, starts)
        extent = np.maximum(high - low, np.finfo(np.float32).tiny)[chunk]
        bounds += [low, high]
        fractions.append((values - low[chunk]) / extent)
    position, scale, color = fractions
    words = (_pack_11_10_11(position), _pack_rotation(part.quats), _pack_11_10_11(scale))
    return np.concatenate(bounds, axis=1), np.stack([*words, _pack_color(color, part)], axis=1)


def _pack_11_10_11(fractions: NDArray[np.float32]) -> NDArray[np.uint32]:
    x, y, z = fractions.T
    packed = to_unorm(x, 11) << 21 | to_unorm(y, 10) << 11 | to_unorm(z, 11)
    return packed.astype(np.uint32)


def _pack_rotation(quats: NDArray[np.float32]) -> NDArray[np.uint32]:
    largest, others = split_smallest_three(quats)
    a, b, c = to_unorm(others * HALF_ROOT + 0.5, 10).T
    return largest.astype(np.uint32) << 30 | a << 20 | b << 10 | c


def _pack_color(colors: NDArray[np.float32], part: GaussianCloud) -> NDArray[np.uint32]:
    r, g, b = to_unorm(colors, 8).T
    return r << 24 | g << 16 | b << 8 | to_unorm(part.opacities, 8)


def _encode_harmonics(part: GaussianCloud) -> NDArray[np.uint8]:
    k = part.shN.shape[1]
    channels = part.shN.transpose(0, 2, 1).reshape(len(part), 3 * k)
    return to_bytes(np.floor((channels / (2 * _SH_RANGE) + 0.5) * 256))
