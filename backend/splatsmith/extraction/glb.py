"""Meshes as GLB files (glTF 2.0, binary), with a texture or with colours at the vertices."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual.color import ColorVisuals
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from ..files import atomic_write
from .texture.png import encode_png

_MAGIC, _VERSION = 0x46546C67, 2
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_FLOAT, _UNSIGNED_INT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963  # what a buffer view is for
_LINEAR, _LINEAR_MIPMAPS, _CLAMP = 9729, 9987, 33071


def write_glb(path: Path, mesh: trimesh.Trimesh) -> None:
    """Write `mesh` with its normals and its texture (TextureVisuals) or vertex colours.

    Colours are sRGB bytes in memory; at vertices glTF has them as linear light. The file appears
    whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    binary = _Binary()
    attributes = {
        "POSITION": binary.vertices(mesh.vertices, bounds=True),
        "NORMAL": binary.vertices(mesh.vertex_normals),
    }
    tree: dict[str, object] = {}
    material: dict[str, object] = {"metallicFactor": 0, "roughnessFactor": 1}
    if isinstance(mesh.visual, TextureVisuals):
        # trimesh has v running upwards, glTF downwards.
        attributes["TEXCOORD_0"] = binary.vertices(mesh.visual.uv * (1, -1) + (0, 1))
        material["baseColorTexture"] = {"index": 0}
        picture = np.asarray(_picture(mesh.visual).convert("RGB"))
        tree |= _texture(binary.add(encode_png(picture)))
    else:
        assert isinstance(mesh.visual, ColorVisuals)
        attributes["COLOR_0"] = binary.vertices(_linear(np.asarray(mesh.visual.vertex_colors)))
    primitive = {"attributes": attributes, "indices": binary.faces(mesh.faces), "material": 0}
    tree |= {
        "asset": {"version": "2.0", "generator": "Splatsmith"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": material}],
        **binary.tree,
    }
    _write(path, json.dumps(tree, separators=(",", ":")).encode("utf-8"), b"".join(binary.parts))


@dataclass
class _Binary:
    """The binary chunk as it grows, and the parts of the tree that describe it."""

    parts: list[bytes] = field(default_factory=list[bytes])
    views: list[dict[str, int]] = field(default_factory=list[dict[str, int]])
    accessors: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    length: int = 0

    @property
    def tree(self) -> dict[str, object]:
        return {
            "buffers": [{"byteLength": self.length}],
            "bufferViews": self.views,
            "accessors": self.accessors,
        }

    def add(self, data: bytes, **purpose: int) -> int:
        """The index of a new buffer view."""
        padded = data + bytes(-len(data) % 4)
        self.views.append(
            {"buffer": 0, "byteOffset": self.length, "byteLength": len(data), **purpose}
        )
        self.parts.append(padded)
        self.length += len(padded)
        return len(self.views) - 1

    def vertices(self, values: NDArray[np.floating], *, bounds: bool = False) -> int:
        """The index of a new accessor to vectors [V, 2 | 3 | 4]."""
        values = np.ascontiguousarray(values, "<f4")
        limits = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        view = self.add(values.tobytes(), target=_VERTICES)
        kind = f"VEC{values.shape[1]}"
        return self._access(view, _FLOAT, len(values), kind, limits if bounds else {})

    def faces(self, faces: NDArray[np.integer]) -> int:
        view = self.add(np.ascontiguousarray(faces, "<u4").tobytes(), target=_INDICES)
        return self._access(view, _UNSIGNED_INT, faces.size, "SCALAR", {})

    def _access(
        self, view: int, component: int, count: int, kind: str, limits: dict[str, list[float]]
    ) -> int:
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": count, "type": kind, **limits}
        )
        return len(self.accessors) - 1


def _texture(view: int) -> dict[str, object]:
    return {
        "images": [{"bufferView": view, "mimeType": "image/png", "name": "base color"}],
        "samplers": [
            {"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAPS, "wrapS": _CLAMP, "wrapT": _CLAMP}
        ],
        "textures": [{"sampler": 0, "source": 0}],
    }


def _picture(visual: TextureVisuals) -> Image.Image:
    assert isinstance(visual.material, PBRMaterial)
    picture = visual.material.baseColorTexture
    assert isinstance(picture, Image.Image)
    return picture


def _linear(colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear RGB and alpha [N, 4] of sRGB bytes [N, 4] (IEC 61966-2-1)."""
    linear = np.divide(colors, 255, dtype=np.float32)
    rgb = linear[:, :3]
    linear[:, :3] = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear


def _write(path: Path, tree: bytes, binary: bytes) -> None:
    tree += b" " * (-len(tree) % 4)
    header = struct.pack("<III", _MAGIC, _VERSION, 28 + len(tree) + len(binary))
    with atomic_write(path) as part, part.open("xb") as file:
        file.write(header)
        file.write(struct.pack("<II", len(tree), _JSON_CHUNK) + tree)
        file.write(struct.pack("<II", len(binary), _BINARY_CHUNK))
        file.write(binary)
