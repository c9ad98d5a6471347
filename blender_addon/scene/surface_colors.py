"""Colours sampled from a mesh's texture or colour attribute, at points near its surface."""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

_MAX_TEXTURE_SIZE = 1024  # larger ones are downsampled first: vertices are sparser than texels
_MEAN_COLOR_SIZE = 256  # pixels a side that are read of an image


def to_linear(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear values of sRGB values 0..1 (IEC 61966-2-1)."""
    linear = ((encoded + 0.055) / 1.055) ** 2.4
    return np.where(encoded <= 0.04045, encoded / 12.92, linear).astype(np.float32)


def sample_colors(
    mesh: bpy.types.Mesh, positions: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Linear RGBA [N, 4] of the surface nearest to `positions` [N, 3]; None without colours."""
    image, layer = find_texture(mesh), mesh.uv_layers.active
    attribute = mesh.color_attributes.active_color or next(iter(mesh.color_attributes), None)
    if image is not None and layer is not None:
        uvs = read_values(layer.data, "uv", 2)
        return _sample_image(image, _interpolate(mesh, positions, uvs))
    if attribute is not None:
        colors = read_values(attribute.data, "color", 4)
        if attribute.domain == "POINT":
            colors = colors[read_values(mesh.loops, "vertex_index", 1, np.int32).ravel()]
        return _interpolate(mesh, positions, colors)
    return None


def mean_color(image: bpy.types.Image) -> tuple[float, ...]:
    """The mean linear RGBA of an image, of pixels on a grid."""
    pixels = _read_pixels(image)
    step = max(1, max(image.size) // _MEAN_COLOR_SIZE)
    return tuple(_linear_rgba(image, pixels[::step, ::step]).mean(axis=(0, 1)).tolist())


def find_texture(mesh: bpy.types.Mesh) -> bpy.types.Image | None:
    """The first image in the mesh's materials."""
    trees = [m.node_tree for m in mesh.materials if m is not None and m.node_tree is not None]
    nodes = (node for tree in trees for node in tree.nodes)
    return next((n.image for n in nodes if n.bl_idname == "ShaderNodeTexImage" and n.image), None)


def _interpolate(
    mesh: bpy.types.Mesh, positions: NDArray[np.float32], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`values` [corners, W], interpolated at the surface points nearest to `positions`."""
    mesh.calc_loop_triangles()
    corners = read_values(mesh.loop_triangles, "loops", 3, np.int32)
    triangles = read_values(mesh.loop_triangles, "vertices", 3, np.int32)
    vertices = read_values(mesh.vertices, "co", 3)
    tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist(), all_triangles=True)
    found = [tree.find_nearest(position)[0::2] for position in positions.tolist()]
    nearest = np.array([location for location, _ in found], np.float32)
    faces = np.array([index for _, index in found])
    weights = _barycentric(vertices[triangles[faces]], nearest)
    return np.einsum("nk,nkw->nw", weights, values[corners[faces]])


def _barycentric(
    triangles: NDArray[np.float32], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Barycentric coordinates [N, 3] of `points` [N, 3] in `triangles` [N, 3, 3]."""
    a, b, c = triangles.transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    areas = np.einsum("ni,ni->n", normals, normals)
    areas[areas == 0] = 1
    second = np.einsum("ni,ni->n", np.cross(points - a, c - a), normals) / areas
    third = np.einsum("ni,ni->n", np.cross(b - a, points - a), normals) / areas
    return np.stack([1 - second - third, second, third], axis=1).clip(0, 1)


def _sample_image(image: bpy.types.Image, uvs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear RGBA [N, 4] of an image at `uvs` [N, 2], bilinear."""
    pixels = _downsample(image, _MAX_TEXTURE_SIZE)
    height, width = pixels.shape[:2]
    x, y = (uvs * (width, height) - 0.5).T
    left, low = np.floor(x).astype(int), np.floor(y).astype(int)
    right_weight, high_weight = (x - left)[:, None], (y - low)[:, None]
    columns, rows = (left % width, (left + 1) % width), (low % height, (low + 1) % height)
    lower, upper = (
        pixels[row, columns[0]] * (1 - right_weight) + pixels[row, columns[1]] * right_weight
        for row in rows
    )
    return (lower * (1 - high_weight) + upper * high_weight).astype(np.float32)


def _downsample(image: bpy.types.Image, max_size: int) -> NDArray[np.float32]:
    """Linear RGBA [height, width, 4] of an image, box-filtered to about `max_size` a side."""
    width, height = image.size
    block = max(1, math.ceil(max(width, height) / max_size))
    rows, columns = max(1, height // block), max(1, width // block)
    step_y, step_x = min(block, height), min(block, width)
    cropped = _read_pixels(image)[: rows * step_y, : columns * step_x]
    small = cropped.reshape(rows, step_y, columns, step_x, -1).mean(axis=(1, 3))
    return _linear_rgba(image, small)


def _read_pixels(image: bpy.types.Image) -> NDArray[np.float32]:
    """[height, width, channels], as they are stored."""
    width, height = image.size
    raw = np.empty(height * width * image.channels, np.float32)
    image.pixels.foreach_get(raw)
    return raw.reshape(height, width, -1)


def _linear_rgba(image: bpy.types.Image, stored: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear RGBA of stored pixels [H, W, channels] of `image`."""
    pixels = np.ones((*stored.shape[:2], 4), np.float32)
    pixels[..., : image.channels] = stored
    if not image.is_float:
        pixels[..., :3] = to_linear(pixels[..., :3])
    return pixels


def read_values(
    items: bpy.types.bpy_prop_collection, name: str, width: int, kind: type = np.float32
) -> NDArray:
    """One property of all `items`, [N, width]."""
    values = np.empty(len(items) * width, kind)
    items.foreach_get(name, values)
    return values.reshape(-1, width)
