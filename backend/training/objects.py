"""Packed 3D objects: the index, the meshes, and the split by group.

The pack is described in its own README; only objects of the permissive tier (CC0, CC-BY) are read.
"""

# pyright: reportOperatorIssue=false, reportArgumentType=false
from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TIER = "permissive"
VALIDATION_SHARE = 0.05
TEST_SHARE = 0.05


@dataclass(frozen=True)
class ObjectRecord:
    """One row of index.csv."""

    id: str
    shard: str
    name: str
    caption: str
    tags: tuple[str, ...]
    category: str
    source: str
    creator: str
    licence: str
    group: str

    @property
    def split(self) -> str:
        return split_of(self.group)


@dataclass(frozen=True)
class Mesh:
    """Triangles with colours; Y up, front +Z, inside the unit sphere about the origin."""

    vertices: NDArray[np.float32]  # [V, 3]
    faces: NDArray[np.int32]  # [F, 3]
    face_material: NDArray[np.int32]  # [F]
    material_rgba: NDArray[np.float32]  # [M, 4], sRGB 0..1
    material_texture: NDArray[np.int32]  # [M], -1 = none
    vertex_rgb: NDArray[np.float32]  # [V, 3], sRGB 0..1
    uv: NDArray[np.float32]  # [V, 2], v points down
    texels: NDArray[np.uint8]  # [P, 4], all textures end to end
    texture_shape: NDArray[np.int32]  # [T, 3]: first texel, height, width


def split_of(group: str) -> str:
    """`train`, `val` or `test`, decided by a hash of the group so that near-copies stay
    together.
    """
    digest = hashlib.sha256(group.encode()).digest()
    position = int.from_bytes(digest[:4], "big") / 2**32
    if position < VALIDATION_SHARE:
        return "val"
    return "test" if position < VALIDATION_SHARE + TEST_SHARE else "train"


def read_index(folder: Path) -> list[ObjectRecord]:
    """All permissive objects of the pack, in the index's order."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return [_record(row) for row in csv.DictReader(file) if row["tier"] == TIER]


def _record(row: dict[str, str]) -> ObjectRecord:
    texts = {key: row[key] for key in ObjectRecord.__dataclass_fields__ if key != "tags"}
    return ObjectRecord(
        **texts, tags=tuple(tag.strip() for tag in row["tags"].split(";") if tag.strip())
    )


def read_mesh(folder: Path, record: ObjectRecord) -> Mesh:
    with zipfile.ZipFile(folder / record.shard) as shard:
        data = shard.read(f"{record.id}.npz")
    with np.load(io.BytesIO(data)) as arrays:
        return _mesh({key: arrays[key] for key in arrays})


def _mesh(arrays: dict[str, NDArray[np.generic]]) -> Mesh:
    count = len(arrays["vertices_q"])
    vertices = arrays["origin"] + arrays["vertices_q"].astype(np.float32) / 65535 * arrays["size"]
    uv = np.zeros((count, 2), np.float32)
    if "uv_q" in arrays:
        uv = arrays["uv_lo"] + arrays["uv_q"].astype(np.float32) / 65535 * (
            arrays["uv_hi"] - arrays["uv_lo"]
        )
    vertex_rgb = arrays.get("vertex_rgb", np.full((count, 3), 255, np.uint8))
    texels, shapes = _textures(arrays)
    return Mesh(
        vertices=vertices.astype(np.float32),
        faces=arrays["faces"].astype(np.int32),
        face_material=arrays["face_mat"].astype(np.int32),
        material_rgba=arrays["mat_rgba"].astype(np.float32) / 255,
        material_texture=arrays["mat_tex"].astype(np.int32),
        vertex_rgb=vertex_rgb.astype(np.float32) / 255,
        uv=uv.astype(np.float32),
        texels=texels,
        texture_shape=shapes,
    )


def _textures(
    arrays: dict[str, NDArray[np.generic]],
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    if "tex_data" not in arrays:
        return np.zeros((1, 4), np.uint8), np.zeros((1, 3), np.int32)
    ends = arrays["tex_offset"]
    files = [arrays["tex_data"][a:b].tobytes() for a, b in zip(ends[:-1], ends[1:], strict=True)]
    images = [np.asarray(Image.open(io.BytesIO(file)).convert("RGBA")) for file in files]
    starts = np.cumsum([0] + [image.shape[0] * image.shape[1] for image in images[:-1]])
    shapes = [(start, *image.shape[:2]) for start, image in zip(starts, images, strict=True)]
    return np.concatenate([image.reshape(-1, 4) for image in images]), np.array(shapes, np.int32)
