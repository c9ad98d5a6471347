"""Color adjustments as nodes, the same in geometry and in shader trees.

A number linked into a vector is three equal ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from .color_adjustment import LUMA
from .nodes import Input, NodeTreeBuilder, SocketSpec

# The inputs of node groups that adjust colors; `ColorAdjustment` says what they mean.
COLOR_SOCKETS = (
    SocketSpec("Brightness", "Float", 0.0, (-1.0, 1.0)),
    SocketSpec("Contrast", "Float", 0.0, (-1.0, 4.0)),
    SocketSpec("Saturation", "Float", 1.0, (0.0, 4.0)),
    SocketSpec("Tint", "Color", (1.0, 1.0, 1.0, 1.0)),
)

Socket = bpy.types.NodeSocket


def adjust_color(tree: NodeTreeBuilder, color: Input, inputs: Mapping[str, Socket]) -> Socket:
    """Linear RGB of an sRGB `color` after the adjustment by the sockets named in COLOR_SOCKETS."""
    tint = tree.per_channel(inputs["Tint"], srgb_from_linear)
    tinted = tree.vector("MULTIPLY", color, tint)
    gray = tree.dot(tinted, LUMA)
    chroma = tree.vector("SUBTRACT", tinted, gray)
    gain = tree.math("ADD", inputs["Contrast"], 1.0)
    shift = tree.math("MULTIPLY_ADD", inputs["Contrast"], -0.5, inputs["Brightness"])
    # gain * (gray + saturation * chroma) + shift
    constant = tree.math("MULTIPLY_ADD", gray, gain, shift)
    varying = tree.scale(chroma, tree.math("MULTIPLY", gain, inputs["Saturation"]))
    return tree.per_channel(tree.vector("ADD", varying, constant), linear_from_srgb)


def linear_from_srgb(tree: NodeTreeBuilder, encoded: Socket) -> Socket:
    """One channel, clipped at 0 (IEC 61966-2-1)."""
    encoded = tree.math("MAXIMUM", encoded, 0.0)
    shifted = tree.math("MULTIPLY_ADD", encoded, 1 / 1.055, 0.055 / 1.055)
    light = tree.math("POWER", shifted, 2.4)
    dark = tree.math("DIVIDE", encoded, 12.92)
    return _choose(tree, tree.math("LESS_THAN", encoded, 0.04045), dark, light)


def srgb_from_linear(tree: NodeTreeBuilder, linear: Socket) -> Socket:
    """One channel, clipped at 0 (IEC 61966-2-1)."""
    linear = tree.math("MAXIMUM", linear, 0.0)
    light = tree.math("MULTIPLY_ADD", tree.math("POWER", linear, 1 / 2.4), 1.055, -0.055)
    dark = tree.math("MULTIPLY", linear, 12.92)
    return _choose(tree, tree.math("LESS_THAN", linear, 0.0031308), dark, light)


def _choose(tree: NodeTreeBuilder, condition: Socket, if_one: Socket, if_zero: Socket) -> Socket:
    difference = tree.math("SUBTRACT", if_one, if_zero)
    return tree.math("MULTIPLY_ADD", condition, difference, if_zero)
