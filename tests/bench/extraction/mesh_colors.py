"""The colour of any point of a textured or coloured mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals

from splatsmith.gaussians.numba_jit import Floats, jit
from training.objects import Mesh

# Faces, their materials, the materials' colours and textures (-1: none), then colours and UV of
# the vertices, then all texels end to end with first texel, height and width of each texture.
Paint = tuple[
    NDArray[np.int32], NDArray[np.int32], Floats, NDArray[np.int32], Floats, Floats,
    NDArray[np.uint8], NDArray[np.int32],
]  # fmt: skip
_HOLE = 0.5  # texels of less alpha show what is behind them


@dataclass(frozen=True)
class Spots:
    """N places on a mesh.

    Attributes:
        faces: [N] the face's number.
        weights: [N, 2] barycentric, of the face's second and third corner.
    """

    faces: NDArray[np.int32]
    weights: NDArray[np.float32]

    def take(self, chosen: NDArray) -> Spots:
        return Spots(self.faces[chosen], self.weights[chosen])

    def of(self, mesh: Mesh, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """[N, K] from `values` [V, K] at the vertices."""
        a, b, c = (values[mesh.faces[self.faces, i]] for i in range(3))
        mixed = a + self.weights[:, :1] * (b - a) + self.weights[:, 1:] * (c - a)
        return mixed.astype(np.float32, copy=False)


def painted(mesh: trimesh.Trimesh) -> Mesh:
    """`mesh` with its texture or its vertex colours (sRGB); white if it has neither."""
    count = len(mesh.vertices)
    vertex_rgb, uv = np.ones((count, 3), np.float32), np.zeros((count, 2), np.float32)
    texture = np.full((1, 1, 4), 255, np.uint8)
    if isinstance(mesh.visual, TextureVisuals) and mesh.visual.uv is not None:
        uv = np.asarray(mesh.visual.uv, np.float32) * (1, -1) + (0, 1)  # theirs points up
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


def paint_of(mesh: Mesh) -> Paint:
    """What the compiled loops need to know of `mesh`."""
    return (
        mesh.faces, mesh.face_material, mesh.material_rgba, mesh.material_texture,
        mesh.vertex_rgb, mesh.uv, mesh.texels, mesh.texture_shape,
    )  # fmt: skip


def colors_of(mesh: Mesh, spots: Spots) -> NDArray[np.float32]:
    """[N, 4] sRGB and alpha at `spots`; alpha is 0 in holes, 1 elsewhere."""
    colors = np.empty((len(spots.faces), 4), np.float32)
    _look_up(paint_of(mesh), spots.faces, spots.weights, colors)
    return colors


def _image(visual: TextureVisuals) -> Image.Image:
    material = visual.material
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None:
        raise ValueError("the mesh has UV coordinates but no texture")
    return image


@jit()
def _look_up(paint: Paint, faces: NDArray[np.int32], weights: Floats, colors: Floats) -> None:
    for i in range(len(faces)):
        red, green, blue, alpha = color_at(paint, faces[i], weights[i, 0], weights[i, 1])
        colors[i, 0], colors[i, 1], colors[i, 2], colors[i, 3] = red, green, blue, alpha


@jit()
def color_at(paint: Paint, face: int, second: float, third: float) -> tuple[float, ...]:
    """sRGB and alpha (0 or 1) of a spot; `second` and `third` are its weights."""
    faces, material, rgba, texture_of, vertex_rgb, uv, texels, shapes = paint
    m = material[face]
    red, green, blue, alpha = 1.0, 1.0, 1.0, 1.0
    if texture_of[m] >= 0:
        u = _mixed(uv, faces[face], second, third, 0)
        v = _mixed(uv, faces[face], second, third, 1)
        red, green, blue, alpha = _texel(texels, shapes[texture_of[m]], u, v)
        if alpha < _HOLE:
            return 0.0, 0.0, 0.0, 0.0
    red *= rgba[m, 0] * _mixed(vertex_rgb, faces[face], second, third, 0)
    green *= rgba[m, 1] * _mixed(vertex_rgb, faces[face], second, third, 1)
    blue *= rgba[m, 2] * _mixed(vertex_rgb, faces[face], second, third, 2)
    return red, green, blue, 1.0


@jit()
def _mixed(
    values: Floats, corners: NDArray[np.int32], second: float, third: float, channel: int
) -> float:
    first = (1 - second - third) * values[corners[0], channel]
    return first + second * values[corners[1], channel] + third * values[corners[2], channel]


@jit()
def _texel(
    texels: NDArray[np.uint8], shape: NDArray[np.int32], u: float, v: float
) -> tuple[float, ...]:
    """Bilinear sRGB and alpha, 0..1, repeated beyond the edges; holes lend no colour."""
    start, height, width = shape
    x, y = u * width - 0.5, v * height - 0.5
    column, row = int(np.floor(x)), int(np.floor(y))
    x, y = x - column, y - row
    red = green = blue = alpha = 0.0
    for down in range(2):
        for across in range(2):
            share = (x if across else 1 - x) * (y if down else 1 - y)
            at = start + (row + down) % height * width + (column + across) % width
            covered = share * texels[at, 3] / 255
            alpha += covered
            red += covered * texels[at, 0] / 255
            green += covered * texels[at, 1] / 255
            blue += covered * texels[at, 2] / 255
    scale = 1 / max(alpha, 1e-6)
    return red * scale, green * scale, blue * scale, alpha
