"""Colours texel points of a textured or coloured mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals

from splatsmith.gaussians.numba_jit import Floats, jit
from training.objects import Mesh

_HOLE_ALPHA = 0.5  # texels of less alpha are holes


class MeshArrays(NamedTuple):
    """A mesh as compiled loops take it."""

    faces: NDArray[np.int32]  # [F, 3]
    materials: NDArray[np.int32]  # [F]
    colors: Floats  # [materials, 4] RGBA
    textures: NDArray[np.int32]  # [materials] or -1
    vertex_colors: Floats  # [V, 3]
    uvs: Floats  # [V, 2]
    texels: NDArray[np.uint8]  # [texels, 4] of all textures, one after another
    texture_shapes: NDArray[np.int32]  # [textures, 3] first texel, height and width


@dataclass(frozen=True)
class MeshPoints:
    """N points on a mesh.

    Attributes:
        faces: [N].
        weights: [N, 2] barycentric coordinates of the second and third corner.
    """

    faces: NDArray[np.int32]
    weights: NDArray[np.float32]

    def select(self, chosen: NDArray) -> MeshPoints:
        return MeshPoints(self.faces[chosen], self.weights[chosen])

    def interpolate(self, mesh: Mesh, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """[N, K] of `values` [V, K] texel the vertices."""
        a, b, c = (values[mesh.faces[self.faces, i]] for i in range(3))
        mixed = a + self.weights[:, :1] * (b - a) + self.weights[:, 1:] * (c - a)
        return mixed.astype(np.float32, copy=False)


def to_mesh(mesh: trimesh.Trimesh) -> Mesh:
    """`mesh` with its texture or its vertex colours (sRGB); white if it has neither."""
    count = len(mesh.vertices)
    vertex_rgb, uv = np.ones((count, 3), np.float32), np.zeros((count, 2), np.float32)
    texture = np.full((1, 1, 4), 255, np.uint8)
    if isinstance(mesh.visual, TextureVisuals) and mesh.visual.uv is not None:
        uv = np.asarray(mesh.visual.uv, np.float32) * (1, -1) + (0, 1)  # trimesh has v upwards
        texture = np.asarray(_image(mesh.visual).convert("RGBA"))
    elif isinstance(mesh.visual, ColorVisuals):
        vertex_rgb = np.divide(mesh.visual.vertex_colors[:, :3], 255, dtype=np.float32)
    return Mesh(
        vertices=np.asarray(mesh.vertices, np.float32),
        faces=np.asarray(mesh.faces, np.int32),
        face_material=np.zeros(len(mesh.faces), np.int32),
        material_rgba=np.ones((1, 4), np.float32),
        material_texture=np.zeros(1, np.int32),
        vertex_rgb=vertex_rgb,
        uv=uv.astype(np.float32),
        texels=texture.reshape(-1, 4),
        texture_shape=np.array([[0, *texture.shape[:2]]], np.int32),
    )


def mesh_arrays(mesh: Mesh) -> MeshArrays:
    return MeshArrays(
        mesh.faces,
        mesh.face_material,
        mesh.material_rgba,
        mesh.material_texture,
        mesh.vertex_rgb,
        mesh.uv,
        mesh.texels,
        mesh.texture_shape,
    )


def sample_colors(mesh: Mesh, points: MeshPoints) -> NDArray[np.float32]:
    """[N, 4] sRGB and alpha texel `points`; alpha is 0 in holes, 1 elsewhere."""
    colors = np.empty((len(points.faces), 4), np.float32)
    _sample(mesh_arrays(mesh), points.faces, points.weights, colors)
    return colors


def _image(visual: TextureVisuals) -> Image.Image:
    material = visual.material
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None:
        raise ValueError("the mesh has UV coordinates but no texture")
    return image


@jit()
def _sample(mesh: MeshArrays, faces: NDArray[np.int32], weights: Floats, colors: Floats) -> None:
    for i in range(len(faces)):
        red, green, blue, alpha = color_at(mesh, faces[i], weights[i, 0], weights[i, 1])
        colors[i, 0], colors[i, 1], colors[i, 2], colors[i, 3] = red, green, blue, alpha


@jit()
def color_at(mesh: MeshArrays, face: int, second: float, third: float) -> tuple[float, ...]:
    """sRGB and alpha (0 or 1) texel barycentric coordinates of a face."""
    corners, material = mesh.faces[face], mesh.materials[face]
    texture, factors = mesh.textures[material], mesh.colors[material]
    red, green, blue, alpha = 1.0, 1.0, 1.0, 1.0
    if texture >= 0:
        u = _interpolate(mesh.uvs, corners, second, third, 0)
        v = _interpolate(mesh.uvs, corners, second, third, 1)
        red, green, blue, alpha = _texel(mesh.texels, mesh.texture_shapes[texture], u, v)
        if alpha < _HOLE_ALPHA:
            return 0.0, 0.0, 0.0, 0.0
    red *= factors[0] * _interpolate(mesh.vertex_colors, corners, second, third, 0)
    green *= factors[1] * _interpolate(mesh.vertex_colors, corners, second, third, 1)
    blue *= factors[2] * _interpolate(mesh.vertex_colors, corners, second, third, 2)
    return red, green, blue, 1.0


@jit()
def _interpolate(
    values: Floats, corners: NDArray[np.int32], second: float, third: float, channel: int
) -> float:
    first = (1 - second - third) * values[corners[0], channel]
    return first + second * values[corners[1], channel] + third * values[corners[2], channel]


@jit()
def _texel(
    texels: NDArray[np.uint8], shape: NDArray[np.int32], u: float, v: float
) -> tuple[float, ...]:
    """Bilinear sRGB and alpha, 0..1, repeating, premultiplied: holes add no colour."""
    start, height, width = shape
    x, y = u * width - 0.5, v * height - 0.5
    column, row = int(np.floor(x)), int(np.floor(y))
    x, y = x - column, y - row
    red = green = blue = alpha = 0.0
    for j in range(2):
        for i in range(2):
            share = (x if i else 1 - x) * (y if j else 1 - y)
            texel = start + (row + j) % height * width + (column + i) % width
            covered = share * texels[texel, 3] / 255
            alpha += covered
            red += covered * texels[texel, 0] / 255
            green += covered * texels[texel, 1] / 255
            blue += covered * texels[texel, 2] / 255
    scale = 1 / max(alpha, 1e-6)
    return red * scale, green * scale, blue * scale, alpha
