"""The draw handler's shaders, from the GLSL sources beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import gpu
from gpu.types import GPUShader, GPUShaderCreateInfo, GPUStageInterfaceInfo

QUADS = 64  # in a batch: instances of a single quad leave most of a GPU idle
TEXTURES = ("order", "instances", "centers", "rotations", "scales", "colors", "scene_depth")


@cache
def splat_shader() -> GPUShader:
    """Draws splats into an image."""
    info = GPUShaderCreateInfo()
    info.typedef_source(_source("splats_view.glsl"))
    info.define("QUADS", str(QUADS))
    info.uniform_buf(0, "SplatView", "camera")
    for slot, name in enumerate(TEXTURES):
        info.sampler(slot, "FLOAT_2D", name)
    info.vertex_in(0, "VEC3", "corner")
    info.vertex_out(_splat_interface())
    info.fragment_out(0, "VEC4", "splat_color")
    return _compiled(info, "splats")


@cache
def composite_shader() -> GPUShader:
    """Draws the splats' image over the viewport."""
    info = GPUShaderCreateInfo()
    interface = GPUStageInterfaceInfo("composite_interface")
    interface.smooth("VEC2", "place")
    info.sampler(0, "FLOAT_2D", "image")
    info.push_constant("VEC4", "background")
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(interface)
    info.fragment_out(0, "VEC4", "overlay")
    return _compiled(info, "composite")


def _splat_interface() -> GPUStageInterfaceInfo:
    interface = GPUStageInterfaceInfo("splat_interface")
    interface.smooth("VEC2", "place")
    interface.smooth("VEC2", "sigmas")
    interface.flat("VEC4", "color")
    interface.flat("FLOAT", "depth")
    return interface


def _compiled(info: GPUShaderCreateInfo, name: str) -> GPUShader:
    info.vertex_source(_source(f"{name}_vertex.glsl"))
    info.fragment_source(_source(f"{name}_fragment.glsl"))
    return gpu.shader.create_from_info(info)


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
