"""An unlit, two-sided z-buffer rasterizer of textured meshes, compiled by numba."""

# ruff: noqa: ANN001, ANN202 - compiled by numba, which infers the types
# pyright: reportArgumentType=false
from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.objects import Mesh

SIZE = 128
SUPERSAMPLING = 2  # along each side of a pixel
DISTANCE = 3.0
FOV = 40.0  # degrees, whole angle
NO_DEPTH = np.float32(1e9)
jit = numba.njit(cache=True, fastmath=True, error_model="numpy")  # no checks of divisors


class Framing(NamedTuple):
    """Of square pictures: pixels a side, the camera's distance to the origin, and its whole angle
    in degrees.
    """

    size: int = SIZE
    distance: float = DISTANCE
    fov: float = FOV


PACK_FRAMING = Framing()  # of training.render_views


class _Surface(NamedTuple):
    """A mesh without its vertices, see `Mesh`."""

    faces: NDArray[np.int32]
    face_material: NDArray[np.int32]
    material_rgba: NDArray[np.float32]
    material_texture: NDArray[np.int32]
    vertex_rgb: NDArray[np.float32]
    uv: NDArray[np.float32]
    texels: NDArray[np.uint8]
    texture_shape: NDArray[np.int32]


class _Buffers(NamedTuple):
    """One value per sample, S x S."""

    depth: NDArray[np.float32]  # NO_DEPTH where empty
    color: NDArray[np.float32]  # [S, S, 3], sRGB 0..1
    face: NDArray[np.int32]


def camera_rotation(azimuth: float, elevation: float) -> NDArray[np.float32]:
    """World-to-camera rotation [3, 3], OpenCV axes, degrees; azimuth 0 sees the front (+Z)."""
    a, e = np.radians(azimuth), np.radians(elevation)
    backward = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(right, backward), -backward]).astype(np.float32)


@jit
def _sample_texture(surface, texture, u, v):
    """The nearest texel's RGBA, 0..255; textures repeat."""
    shape = surface.texture_shape[texture]
    column = min(int((u - np.floor(u)) * shape[2]), shape[2] - 1)
    row = min(int((v - np.floor(v)) * shape[1]), shape[1] - 1)
    return surface.texels[shape[0] + row * shape[2] + column]


@jit
def _shade(surface, face, weights):
    """Whether a point of a face is opaque, not a hole of its texture; and its red, green, blue."""
    i, j, k = surface.faces[face, 0], surface.faces[face, 1], surface.faces[face, 2]
    wa, wb, wc = weights
    material = surface.face_material[face]
    texture = surface.material_texture[material]
    rgba, rgb = surface.material_rgba, surface.vertex_rgb
    r, g, b = rgba[material, 0], rgba[material, 1], rgba[material, 2]
    if texture >= 0:
        u = wa * surface.uv[i, 0] + wb * surface.uv[j, 0] + wc * surface.uv[k, 0]
        v = wa * surface.uv[i, 1] + wb * surface.uv[j, 1] + wc * surface.uv[k, 1]
        texel = _sample_texture(surface, texture, u, v)
        if texel[3] < 128:
            return False, r, g, b
        r, g, b = r * texel[0] / 255, g * texel[1] / 255, b * texel[2] / 255
    r *= wa * rgb[i, 0] + wb * rgb[j, 0] + wc * rgb[k, 0]
    g *= wa * rgb[i, 1] + wb * rgb[j, 1] + wc * rgb[k, 1]
    b *= wa * rgb[i, 2] + wb * rgb[j, 2] + wc * rgb[k, 2]
    return True, r, g, b


@jit
def _pixel_range(a, b, c, size):
    """First and one past the last pixel whose center may lie between three coordinates."""
    first = max(0, int(np.ceil(min(a, b, c) - 0.5)))
    return first, min(size - 1, int(max(a, b, c) - 0.5)) + 1


@jit
def _rasterize(camera, surface, focal, buffers):
    """Draw triangles with vertices `camera` [V, 3] in the camera's frame into the buffers."""
    (depth, color, face), faces = buffers, surface.faces
    size = depth.shape[0]
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        a, b, c = camera[i], camera[j], camera[k]
        xa, ya = focal * a[0] / a[2] + size / 2, focal * a[1] / a[2] + size / 2
        xb, yb = focal * b[0] / b[2] + size / 2, focal * b[1] / b[2] + size / 2
        xc, yc = focal * c[0] / c[2] + size / 2, focal * c[1] / c[2] + size / 2
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if abs(area) < 1e-9:
            continue
        rows, columns = _pixel_range(ya, yb, yc, size), _pixel_range(xa, xb, xc, size)
        for y in range(rows[0], rows[1]):
            for x in range(columns[0], columns[1]):
                px, py = x + 0.5, y + 0.5
                wb = ((px - xa) * (yc - ya) - (xc - xa) * (py - ya)) / area
                wc = ((xb - xa) * (py - ya) - (px - xa) * (yb - ya)) / area
                wa = 1 - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                z = 1 / (wa / a[2] + wb / b[2] + wc / c[2])
                if z >= depth[y, x]:
                    continue
                weights = (wa * z / a[2], wb * z / b[2], wc * z / c[2])
                opaque, red, green, blue = _shade(surface, f, weights)
                if opaque:
                    depth[y, x], face[y, x] = z, f
                    color[y, x, 0], color[y, x, 1], color[y, x, 2] = red, green, blue


@jit
def _downsample(buffers, face_normals, rgba, nearest, normals):
    """Average the samples of each pixel; depth is that of the nearest, 0 where empty."""
    depth, color, face = buffers
    share = 255 / SUPERSAMPLING**2
    for y in range(len(nearest)):
        for x in range(len(nearest)):
            total = np.zeros(4, np.float32)
            direction = np.zeros(3, np.float32)
            near = NO_DEPTH
            for v in range(y * SUPERSAMPLING, (y + 1) * SUPERSAMPLING):
                for u in range(x * SUPERSAMPLING, (x + 1) * SUPERSAMPLING):
                    if depth[v, u] < NO_DEPTH:
                        total[:3] += color[v, u]
                        total[3] += 1
                        direction += face_normals[face[v, u]]
                        near = min(near, depth[v, u])
            length = np.sqrt((direction * direction).sum()) + 1e-6
            for c in range(4):
                rgba[y, x, c] = np.uint8(min(255.0, total[c] * share + 0.5))
            for c in range(3):
                normals[y, x, c] = np.int8(np.round(direction[c] / length * 127))
            nearest[y, x] = near if near < NO_DEPTH else 0.0


def render_view(
    mesh: Mesh, azimuth: float, elevation: float, framing: Framing = PACK_FRAMING
) -> tuple[NDArray, NDArray, NDArray]:
    """One view: RGBA uint8 [S, S, 4] premultiplied, depth float16 [S, S], normals int8 [S, S, 3];
    128 pixels a side, unless `framing` says otherwise.
    """
    size = framing.size
    resolution = size * SUPERSAMPLING
    rotation = camera_rotation(azimuth, elevation)
    camera = mesh.vertices @ rotation.T + np.array([0, 0, framing.distance], np.float32)
    focal = np.float32(resolution / 2 / np.tan(np.radians(framing.fov / 2)))
    buffers = _Buffers(
        np.full((resolution, resolution), NO_DEPTH, np.float32),
        np.zeros((resolution, resolution, 3), np.float32),
        np.zeros((resolution, resolution), np.int32),
    )
    surface = _Surface(*(getattr(mesh, name) for name in _Surface._fields))
    _rasterize(camera, surface, focal, buffers)
    rgba = np.empty((size, size, 4), np.uint8)
    nearest, normals = np.empty((size, size), np.float32), np.empty((size, size, 3), np.int8)
    face_normals = _facing_normals(camera[mesh.faces]) @ rotation
    _downsample(buffers, face_normals, rgba, nearest, normals)
    return rgba, nearest.astype(np.float16), normals


def _facing_normals(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit normals [F, 3] of triangles [F, 3, 3] in the camera's frame, facing the camera."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    return normal * -np.sign((normal * corners[:, 0]).sum(1, keepdims=True))
