"""Writing GLB files with KHR_gaussian_splatting; viewers without it show colored points."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud
from ..contract.files import atomic_write
from ..contract.problems import InvalidRequest
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .gltf import EXTENSION, POINTS, SRGB
from .gltf_file import BINARY_CHUNK, CHUNK, HEADER, JSON_CHUNK, MAGIC, VERSION

_VERTICES = 34962  # a buffer view's target
_FLOAT, _USHORT = 5126, 5123
_LARGEST_FILE = (1 << 32) - 1
_WIDTH = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}

Column = Callable[[GaussianCloud], NDArray[np.generic]]


def write(path: Path, cloud: GaussianCloud, _up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, of degree 3 at most and of the asset frame.

    Raises:
        InvalidRequest: it is too large for a GLB file, which has 4 GiB at most.
    """
    columns = list(_columns(cloud.degree))
    sizes = [_size(column(cloud_head(cloud))) * len(cloud) for _, column in columns]
    gltf = json.dumps(_gltf(cloud, columns, sizes), separators=(",", ":")).encode()
    gltf += b" " * (-len(gltf) % 4)
    total = HEADER.size + 2 * CHUNK.size + len(gltf) + sum(sizes)
    if total > _LARGEST_FILE:
        raise InvalidRequest(
            f"{len(cloud):,} Gaussians do not fit into a GLB file, which has 4 GiB at most.",
            "Choose another format, or leave out the harmonics.",
        )
    with atomic_write(path) as part, part.open("xb") as file:
        file.write(HEADER.pack(MAGIC, VERSION, total))
        file.write(CHUNK.pack(len(gltf), JSON_CHUNK) + gltf)
        file.write(CHUNK.pack(sum(sizes), BINARY_CHUNK))
        for i, (_, column) in enumerate(columns):
            progress.step(i, len(columns))
            file.write(np.ascontiguousarray(column(cloud)).data)


def cloud_head(cloud: GaussianCloud) -> GaussianCloud:
    """Its first Gaussian: to know what a column's rows are."""
    return cloud.select(np.arange(1))


def _size(row: NDArray[np.generic]) -> int:
    return row.nbytes  # a multiple of 4 for all of them


def _columns(degree: int) -> Iterator[tuple[str, Column]]:
    """The attributes by name, and what makes each of them."""
    yield "POSITION", lambda cloud: cloud.means.astype("<f4")
    yield "COLOR_0", _fallback_colors
    yield f"{EXTENSION}:ROTATION", lambda cloud: np.roll(cloud.quats, -1, axis=1).astype("<f4")
    yield f"{EXTENSION}:SCALE", lambda cloud: cloud.scales.astype("<f4")
    yield f"{EXTENSION}:OPACITY", lambda cloud: cloud.opacities.astype("<f4")[:, None]
    yield f"{EXTENSION}:SH_DEGREE_0_COEF_0", lambda cloud: cloud.sh0.astype("<f4")
    for band in range(1, degree + 1):
        for i in range(2 * band + 1):
            index = band * band - 1 + i
            yield f"{EXTENSION}:SH_DEGREE_{band}_COEF_{i}", _coefficient(index)


def _coefficient(index: int) -> Column:
    return lambda cloud: cloud.shN[:, index].astype("<f4")


def _fallback_colors(cloud: GaussianCloud) -> NDArray[np.uint16]:
    """[N, 4] linear color and opacity, as COLOR_0 has them (IEC 61966-2-1 undone)."""
    srgb = np.clip(0.5 + SH_C0 * cloud.sh0, 0, 1)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    rgba = np.concatenate([linear, cloud.opacities[:, None]], axis=1)
    return np.rint(rgba * 65535).astype("<u2")


def _gltf(
    cloud: GaussianCloud, columns: list[tuple[str, Column]], sizes: list[int]
) -> dict[str, object]:
    starts = np.cumsum([0, *sizes]).tolist()
    accessors = []
    for i, (name, column) in enumerate(columns):
        row = column(cloud_head(cloud))
        is_float = row.dtype.kind == "f"
        accessors.append(
            {
                "bufferView": i,
                "componentType": _FLOAT if is_float else _USHORT,
                **({} if is_float else {"normalized": True}),
                "count": len(cloud),
                "type": _WIDTH[row.shape[1]],
                **(_bounds(cloud) if name == "POSITION" else {}),
            }
        )
    primitive = {
        "attributes": {name: i for i, (name, _) in enumerate(columns)},
        "mode": POINTS,
        "extensions": {EXTENSION: {"kernel": "ellipse", "colorSpace": SRGB}},
    }
    return {
        "asset": {"version": "2.0", "generator": "Splatsmith"},
        "extensionsUsed": [EXTENSION],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": size, "target": _VERTICES}
            for start, size in zip(starts, sizes, strict=False)
        ],
        "buffers": [{"byteLength": sum(sizes)}],
    }


def _bounds(cloud: GaussianCloud) -> dict[str, object]:
    return {"min": cloud.means.min(axis=0).tolist(), "max": cloud.means.max(axis=0).tolist()}
