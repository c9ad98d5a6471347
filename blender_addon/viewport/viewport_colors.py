"""Colors of Blender's viewport."""

from __future__ import annotations

import bpy

from .splat_drawing import Color


def background_color(context: bpy.types.Context) -> Color:
    """The color behind everything in the viewport of `context`, sRGB; a gradient's middle."""
    shading = context.space_data.shading
    if shading.type == "SOLID" and shading.background_type == "VIEWPORT":
        return _encoded(shading.background_color)
    if shading.type == "SOLID" and shading.background_type == "WORLD" and context.scene.world:
        return _encoded(context.scene.world.color)
    gradients = context.preferences.themes[0].view_3d.space.gradients
    high = gradients.high_gradient
    if gradients.background_type == "SINGLE_COLOR":
        return high[0], high[1], high[2]
    low = gradients.gradient
    return (high[0] + low[0]) / 2, (high[1] + low[1]) / 2, (high[2] + low[2]) / 2


def _encoded(linear: bpy.types.bpy_prop_array) -> Color:
    return _encode(linear[0]), _encode(linear[1]), _encode(linear[2])


def _encode(value: float) -> float:
    """IEC 61966-2-1."""
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
