"""Pictures of textured or coloured triangle meshes, unlit, by a z-buffer in numba."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals

from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.compiling import Floats, Integers, compiled
from training.objects import Mesh

EMPTY = -1  # in place of a face's number
_NEAR = 1e-6
_FAR = np.float32(1e30)

Doubles = NDArray[np.float64]
# material of each face, its texture or -1, texels end to end, first texel and size of each texture
Textures = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32]]


@dataclass(frozen=True)
class MeshPictures:
    """What C cameras see, two-sided, `n` samples along each side of a pixel.

    Attributes:
        colors: [C, H, W, 3] sRGB over the background, samples averaged.
        alphas: [C, H, W] share of the samples that show the mesh.
        depths: [C, nH, nW] z of the camera's axes at each sample; 0 where there is nothing.
        faces: [C, nH, nW] number of the face at each sample, EMPTY where there is none.
        fronts: [C, nH, nW] whether that face shows its front, counter-clockwise.
        sample_colors: [C, nH, nW, 3] sRGB at each sample; the background where there is nothing.
    """

    colors: NDArray[np.float32]
    alphas: NDArray[np.float32]
    depths: NDArray[np.float32]
    faces: NDArray[np.int32]
    fronts: NDArray[np.bool_]
    sample_colors: NDArray[np.float32]


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


def draw_mesh(
    mesh: Mesh, cameras: Cameras, *, samples: int = 2, background: float = 1.0
) -> MeshPictures:
    """Draw `mesh` as each of `cameras` sees it; faces that reach behind one are not drawn."""
    shape = (len(cameras), samples * cameras.height, samples * cameras.width)
    depths = np.full(shape, _FAR, np.float32)
    faces = np.full(shape, EMPTY, np.int32)
    fronts = np.zeros(shape, np.bool_)
    colors = np.full((*shape, 3), background, np.float32)
    textures = (mesh.face_material, mesh.material_texture, mesh.texels, mesh.texture_shape)
    paint = (mesh.material_rgba, mesh.vertex_rgb, mesh.uv)
    for i in range(len(cameras)):
        corners = _projected(mesh.vertices, cameras, i, samples)
        weights = np.zeros((*shape[1:], 2), np.float32)
        found = (depths[i], faces[i], fronts[i], weights)
        _find_nearest(corners, mesh.faces, mesh.uv, textures, found)
        _paint(mesh.faces, paint, textures, faces[i], weights, colors[i])
    seen = faces != EMPTY
    depths[~seen] = 0
    return MeshPictures(
        _averaged(colors, samples), _averaged(seen[..., None], samples)[..., 0],
        depths, faces, fronts, colors,
    )  # fmt: skip


def _image(visual: TextureVisuals) -> Image.Image:
    material = visual.material
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None:
        raise ValueError("the mesh has UV coordinates but no texture")
    return image


def _projected(
    vertices: NDArray[np.float32], cameras: Cameras, index: int, samples: int
) -> Doubles:
    """[V, 3]: column and row in samples, and depth."""
    view, k = cameras.viewmats[index].astype(np.float64), cameras.Ks[index].astype(np.float64)
    x, y, z = (vertices @ view[:3, :3].T + view[:3, 3]).T
    safe = np.where(np.abs(z) < _NEAR, _NEAR, z)
    column, row = k[0, 0] * x / safe + k[0, 2], k[1, 1] * y / safe + k[1, 2]
    return np.stack([samples * column, samples * row, z], axis=1)


def _averaged(values: NDArray, samples: int) -> NDArray[np.float32]:
    """[C, H, W, K] of [C, nH, nW, K]."""
    count, height, width, channels = values.shape
    blocks = (count, height // samples, samples, width // samples, samples, channels)
    return values.reshape(blocks).mean(axis=(2, 4), dtype=np.float32)


@compiled()
def _find_nearest(
    corners: Doubles,
    faces: NDArray[np.int32],
    uv: Floats,
    textures: Textures,
    found: tuple[Floats, Integers, NDArray[np.bool_], Floats],
) -> None:
    """Fill depth, face, front and the weights of the second and third corner at each sample."""
    depth, nearest, front, weights = found
    height, width = depth.shape
    for f in range(len(faces)):
        i, j, k = faces[f]
        a, b, c = corners[i], corners[j], corners[k]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if min(a[2], b[2], c[2]) < _NEAR or area == 0:
            continue
        left = max(0, int(np.ceil(min(a[0], b[0], c[0]) - 0.5)))
        right = min(width, int(np.floor(max(a[0], b[0], c[0]) - 0.5)) + 1)
        top = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 0.5)))
        bottom = min(height, int(np.floor(max(a[1], b[1], c[1]) - 0.5)) + 1)
        for y in range(top, bottom):
            for x in range(left, right):
                dx, dy = x + 0.5 - a[0], y + 0.5 - a[1]
                wb = (dx * (c[1] - a[1]) - (c[0] - a[0]) * dy) / area
                wc = ((b[0] - a[0]) * dy - dx * (b[1] - a[1])) / area
                if wb < 0 or wc < 0 or wb + wc > 1:
                    continue
                z = 1 / ((1 - wb - wc) / a[2] + wb / b[2] + wc / c[2])
                wb, wc = wb * z / b[2], wc * z / c[2]  # in space, not in the picture
                if z < depth[y, x] and not _is_hole(f, uv, (i, j, k), (wb, wc), textures):
                    depth[y, x], nearest[y, x], front[y, x] = z, f, area < 0
                    weights[y, x, 0], weights[y, x, 1] = wb, wc


@compiled()
def _is_hole(
    face: int,
    uv: Floats,
    corners: tuple[int, int, int],
    weights: tuple[float, float],
    textures: Textures,
) -> bool:
    material, texture_of, texels, shapes = textures
    texture = texture_of[material[face]]
    if texture < 0:
        return False
    u, v = _mixed(uv, corners, weights, 0), _mixed(uv, corners, weights, 1)
    return _texel(texels, shapes[texture], u, v)[3] < 0.5


@compiled()
def _mixed(
    values: Floats, corners: tuple[int, int, int], weights: tuple[float, float], channel: int
) -> float:
    i, j, k = corners
    wb, wc = weights
    first = (1 - wb - wc) * values[i, channel]
    return first + wb * values[j, channel] + wc * values[k, channel]


@compiled()
def _texel(
    texels: NDArray[np.uint8], shape: NDArray[np.int32], u: float, v: float
) -> tuple[float, float, float, float]:
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


@compiled()
def _paint(
    faces: NDArray[np.int32],
    paint: tuple[Floats, Floats, Floats],
    textures: Textures,
    nearest: NDArray[np.int32],
    weights: Floats,
    colors: Floats,
) -> None:
    rgba, vertex_rgb, uv = paint
    material, texture_of, texels, shapes = textures
    for y in range(nearest.shape[0]):
        for x in range(nearest.shape[1]):
            f = nearest[y, x]
            if f < 0:
                continue
            corners = (faces[f, 0], faces[f, 1], faces[f, 2])
            inner = (weights[y, x, 0], weights[y, x, 1])
            m = material[f]
            texel = (1.0, 1.0, 1.0, 1.0)
            if texture_of[m] >= 0:
                u, v = _mixed(uv, corners, inner, 0), _mixed(uv, corners, inner, 1)
                texel = _texel(texels, shapes[texture_of[m]], u, v)
            for channel in range(3):
                tint = rgba[m, channel] * _mixed(vertex_rgb, corners, inner, channel)
                colors[y, x, channel] = tint * texel[channel]
