"""Splats drawn into an image on the GPU, and that image over Blender's viewport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import gpu
import numpy as np
from gpu.types import (
    Buffer,
    GPUBatch,
    GPUFrameBuffer,
    GPUIndexBuf,
    GPUTexture,
    GPUUniformBuf,
    GPUVertBuf,
    GPUVertFormat,
)

from .packing import TEXTURE_WIDTH, Floats, View, order_texture, view_uniforms
from .shaders import QUADS, composite_shader, splat_shader

Color = tuple[float, float, float]

IMAGE_FORMAT = "RGBA16F"  # 8 bits lose the many faint layers


@dataclass(frozen=True)
class SortedSplats:
    """What is drawn: the data's textures by the shader's names, and how many splats, in order."""

    textures: Mapping[str, GPUTexture]
    count: int


class SplatImage:
    """A view's image of splats, premultiplied sRGB, kept from one drawing to the next."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.color = GPUTexture(self.size, format=IMAGE_FORMAT)
        self._framebuffer = GPUFrameBuffer(color_slots=[self.color])

    def draw(self, splats: SortedSplats, view: View, scene_depth: GPUTexture | None) -> None:
        """Draw `splats`; what lies behind `scene_depth`, window depths 0..1, is hidden."""
        shader = splat_shader()
        uniforms = view_uniforms(view, splats.count, scene_depth is not None)
        with self._framebuffer.bind():
            self._framebuffer.clear(color=(0, 0, 0, 0))
            gpu.state.blend_set("ALPHA_PREMULT")
            gpu.state.depth_test_set("NONE")
            shader.bind()
            for name, texture in splats.textures.items():
                shader.uniform_sampler(name, texture)
            shader.uniform_sampler("scene_depth", scene_depth or splats.textures["order"])
            buffer = GPUUniformBuf(Buffer("FLOAT", len(uniforms), uniforms))
            shader.uniform_block("camera", buffer)
            if splats.count:
                _quads().draw_instanced(shader, instance_count=-(-splats.count // QUADS))
            gpu.state.blend_set("NONE")


def draw_over_viewport(image: SplatImage, background: Color) -> None:
    """Draw `image` into the viewport's overlays; `background` is the viewport's own, sRGB."""
    shader = composite_shader()
    gpu.state.blend_set("ALPHA_PREMULT")
    gpu.state.depth_test_set("NONE")
    shader.bind()
    shader.uniform_sampler("image", image.color)
    shader.uniform_float("background", (*background, 1))
    _whole_image().draw(shader)
    gpu.state.blend_set("NONE")


def upload(values: Floats, format: str) -> GPUTexture:
    """A texture of texels [R * TEXTURE_WIDTH, channels]."""
    size = TEXTURE_WIDTH, len(values) // TEXTURE_WIDTH
    return GPUTexture(size, format=format, data=Buffer("FLOAT", values.size, values.reshape(-1)))


def upload_order(order: Floats) -> GPUTexture:
    return upload(order_texture(order), "RG32F")


def upload_data(textures: Mapping[str, Floats]) -> dict[str, GPUTexture]:
    return {name: upload(values, "RGBA32F") for name, values in textures.items()}


def upload_colors(colors: Floats) -> GPUTexture:
    return upload(colors, IMAGE_FORMAT)


@cache
def _quads() -> GPUBatch:
    """`QUADS` quads with their corners at -1 and 1 and their numbers."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    vertices = np.empty((QUADS, 4, 3), np.float32)
    vertices[..., :2] = corners
    vertices[..., 2] = np.arange(QUADS)[:, None]
    triangles = np.array([(0, 1, 2), (0, 2, 3)], np.int32) + 4 * np.arange(QUADS)[:, None, None]
    indices = GPUIndexBuf(type="TRIS", seq=triangles.reshape(-1, 3).astype(np.int32))
    return GPUBatch(type="TRIS", buf=_vertices(vertices.reshape(-1, 3)), elem=indices)


@cache
def _whole_image() -> GPUBatch:
    return GPUBatch(
        type="TRI_STRIP",
        buf=_vertices(np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], np.float32)),
    )


def _vertices(corners: Floats) -> GPUVertBuf:
    layout = GPUVertFormat()
    layout.attr_add(id="corner", comp_type="F32", len=corners.shape[1], fetch_mode="FLOAT")
    buffer = GPUVertBuf(layout, len(corners))
    buffer.attr_fill("corner", corners)
    return buffer
