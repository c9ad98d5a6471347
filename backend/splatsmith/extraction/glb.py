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
_VERTICES, _INDICES = 34962, 34963  # targets of buffer views
_LINEAR, _LINEAR_MIPMAPS, _CLAMP = 9729, 9987, 33071


def write_glb(path: Path, mesh: trimesh.Trimesh, origin: NDArray[np.float64] | None = None) -> None:
    """Write `mesh` with its normals and its texture (TextureVisuals) or vertex colours.

    Colours are sRGB bytes in memory; vertex colours are linear in glTF. The file is written
    atomically. `origin` [3], where the mesh's zero lies, becomes the node's translation, and one
    of its extras.

    Raises:
        OSError: it cannot be written.
    """
    binary = _BinaryChunk()
    attributes = {
        "POSITION": binary.add_vectors(mesh.vertices, bounds=True),
        "NORMAL": binary.add_vectors(mesh.vertex_normals),
    }
    gltf: dict[str, object] = {}
    material: dict[str, object] = {"metallicFactor": 0, "roughnessFactor": 1}
    if isinstance(mesh.visual, TextureVisuals):
        # trimesh has v upwards, glTF downwards.
        attributes["TEXCOORD_0"] = binary.add_vectors(mesh.visual.uv * (1, -1) + (0, 1))
        material["baseColorTexture"] = {"index": 0}
        image = np.asarray(_base_color_image(mesh.visual).convert("RGB"))
        gltf |= _texture_entries(binary.add_view(encode_png(image)))
    else:
        assert isinstance(mesh.visual, ColorVisuals)
        colors = _to_linear(np.asarray(mesh.visual.vertex_colors))
        attributes["COLOR_0"] = binary.add_vectors(colors)
    primitive = {"attributes": attributes, "indices": binary.add_faces(mesh.faces), "material": 0}
    gltf |= {
        "asset": {"version": "2.0", "generator": "Splatsmith"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **_place(origin)}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": material}],
        **binary.gltf,
    }
    text = json.dumps(gltf, separators=(",", ":")).encode("utf-8")
    _write_file(path, text, b"".join(binary.parts))


@dataclass
class _BinaryChunk:
    """The binary chunk, and the parts of the JSON that describe it."""

    parts: list[bytes] = field(default_factory=list[bytes])
    buffer_views: list[dict[str, int]] = field(default_factory=list[dict[str, int]])
    accessors: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    length: int = 0

    @property
    def gltf(self) -> dict[str, object]:
        return {
            "buffers": [{"byteLength": self.length}],
            "bufferViews": self.buffer_views,
            "accessors": self.accessors,
        }

    def add_view(self, data: bytes, **purpose: int) -> int:
        """Index of a new buffer view."""
        padded = data + bytes(-len(data) % 4)
        self.buffer_views.append(
            {"buffer": 0, "byteOffset": self.length, "byteLength": len(data), **purpose}
        )
        self.parts.append(padded)
        self.length += len(padded)
        return len(self.buffer_views) - 1

    def add_vectors(self, values: NDArray[np.floating], *, bounds: bool = False) -> int:
        """Index of a new accessor to vectors [V, 2 | 3 | 4]."""
        values = np.ascontiguousarray(values, "<f4")
        limits = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        view = self.add_view(values.tobytes(), target=_VERTICES)
        kind = f"VEC{values.shape[1]}"
        return self._add_accessor(view, _FLOAT, len(values), kind, limits if bounds else {})

    def add_faces(self, faces: NDArray[np.integer]) -> int:
        """Index of a new accessor to vertex numbers [F, 3]."""
        view = self.add_view(np.ascontiguousarray(faces, "<u4").tobytes(), target=_INDICES)
        return self._add_accessor(view, _UNSIGNED_INT, faces.size, "SCALAR", {})

    def _add_accessor(
        self, view: int, component: int, count: int, kind: str, limits: dict[str, list[float]]
    ) -> int:
        self.accessors.append(
            {
                "bufferView": view,
                "componentType": component,
                "count": count,
                "type": kind,
                **limits,
            }
        )
        return len(self.accessors) - 1


def _place(origin: NDArray[np.float64] | None) -> dict[str, object]:
    if origin is None or not origin.any():
        return {}
    return {"translation": origin.tolist(), "extras": {"origin": origin.tolist()}}


def _texture_entries(view: int) -> dict[str, object]:
    return {
        "images": [{"bufferView": view, "mimeType": "image/png", "name": "base color"}],
        "samplers": [
            {"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAPS, "wrapS": _CLAMP, "wrapT": _CLAMP}
        ],
        "textures": [{"sampler": 0, "source": 0}],
    }


def _base_color_image(visual: TextureVisuals) -> Image.Image:
    assert isinstance(visual.material, PBRMaterial)
    image = visual.material.baseColorTexture
    assert isinstance(image, Image.Image)
    return image


def _to_linear(colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear RGB and alpha [N, 4] of sRGB bytes [N, 4] (IEC 61966-2-1)."""
    linear = np.divide(colors, 255, dtype=np.float32)
    rgb = linear[:, :3]
    linear[:, :3] = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear


def _write_file(path: Path, text: bytes, binary: bytes) -> None:
    text += b" " * (-len(text) % 4)
    header = struct.pack("<III", _MAGIC, _VERSION, 28 + len(text) + len(binary))
    with atomic_write(path) as part, part.open("xb") as file:
        file.write(header)
        file.write(struct.pack("<II", len(text), _JSON_CHUNK) + text)
        file.write(struct.pack("<II", len(binary), _BINARY_CHUNK))
        file.write(binary)
