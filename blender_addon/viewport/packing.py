"""Splats as arrays that the draw handler's shader reads; numpy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0

Floats = NDArray[np.float32]

TEXTURE_WIDTH = 4096  # texels; every GPU that Blender runs on has textures of 16384
MOST_SPLATS = 1 << 24  # whole numbers up to here are exact in float32
INSTANCE_TEXELS = 7
UNCHANGED = np.eye(3, 4)  # a color map
_CLIP_PLANES = 6


@dataclass(frozen=True)
class SplatArrays:
    """The splats of one datablock, in its own space; float32.

    Attributes:
        positions: [3, N].
        rotations: [N, 4] wxyz.
        scales: [N, 3] linear.
        base: [N, 4] the raw DC coefficients and the opacity 0..1.
        harmonics: K arrays [N, 3] of the higher coefficients, K = 0, 3, 8, 15 or 24.
    """

    positions: Floats
    rotations: Floats
    scales: Floats
    base: Floats
    harmonics: tuple[Floats, ...]

    def __len__(self) -> int:
        return self.positions.shape[1]


@dataclass(frozen=True)
class Instance:
    """One object that shows the splats of a datablock.

    Attributes:
        data: the datablock's number among those packed.
        matrix: [4, 4] float64, to the world.
        opacity, size: factors.
        color_map: [3, 4]; a color c is shown as the first three columns @ c + the last, sRGB.
    """

    data: int
    matrix: NDArray[np.float64]
    opacity: float = 1.0
    size: float = 1.0
    color_map: NDArray[np.float64] = field(default_factory=UNCHANGED.copy)


@dataclass(frozen=True)
class View:
    """A camera as Blender's viewport has it, OpenGL axes.

    Attributes:
        view: [4, 4] float64, world to camera.
        projection: [4, 4] float64, to clip space.
        width, height: pixels.
        clip_planes: [P, 4], P up to 6; splats whose centre is below one of them are not drawn.
    """

    view: NDArray[np.float64]
    projection: NDArray[np.float64]
    width: int
    height: int
    clip_planes: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def is_perspective(self) -> bool:
        return self.projection[3, 3] == 0


def splat_arrays(attributes: Mapping[str, Floats], harmonics: Sequence[str]) -> SplatArrays:
    """Splats from `attributes` named as Blender's native splats name them.

    Args:
        harmonics: the names of the higher coefficients, in order.
    """
    return SplatArrays(
        positions=np.ascontiguousarray(attributes["position"].T),
        rotations=attributes["rotation"],
        scales=attributes["scale"],
        base=attributes["radiance:base"],
        harmonics=tuple(attributes[name] for name in harmonics),
    )


def data_textures(parts: Sequence[SplatArrays]) -> dict[str, Floats]:
    """The textures of `parts`, one after the other: centers and opacities, rotations, scales."""
    count = sum(map(len, parts))
    textures = {name: empty_texture(count) for name in ("centers", "rotations", "scales")}
    start = 0
    for part in parts:
        rows = slice(start, start + len(part))
        textures["centers"][rows, :3] = part.positions.T
        textures["centers"][rows, 3] = part.base[:, 3]
        textures["rotations"][rows] = part.rotations
        textures["scales"][rows, :3] = part.scales
        start += len(part)
    return textures


def base_colors(parts: Sequence[SplatArrays]) -> Floats:
    """The texture of the colors of `parts` that depend on no direction; sRGB, not clamped."""
    texture = empty_texture(sum(map(len, parts)))
    start = 0
    for part in parts:
        texture[start : start + len(part), :3] = 0.5 + np.float32(SH_C0) * part.base[:, :3]
        start += len(part)
    return texture


def instance_texture(
    instances: Sequence[Instance], color_shifts: Sequence[int] | None = None
) -> Floats:
    """Seven texels an instance: its matrix's rows; opacity, size, color shift; its color map's."""
    texture = empty_texture(INSTANCE_TEXELS * len(instances))
    for i, instance in enumerate(instances):
        rows = texture[INSTANCE_TEXELS * i : INSTANCE_TEXELS * (i + 1)]
        rows[:3] = instance.matrix[:3]
        shift = color_shifts[i] if color_shifts else 0
        rows[3] = instance.opacity, instance.size, shift, 0
        rows[4:] = instance.color_map
    return texture


def order_texture(order: Floats) -> Floats:
    """`order` [M, 2], padded to whole rows."""
    texture = np.zeros((_rounded_up(len(order)), 2), np.float32)
    texture[: len(order)] = order
    return texture


def empty_texture(count: int) -> Floats:
    """Zeros [R * TEXTURE_WIDTH, 4] for `count` texels."""
    return np.zeros((_rounded_up(count), 4), np.float32)


def view_uniforms(view: View, count: int, has_depth: bool) -> Floats:
    """`SplatView` of splats_view.glsl, for `count` splats."""
    planes = np.zeros((_CLIP_PLANES, 4))
    planes[: len(view.clip_planes)] = np.reshape(view.clip_planes, (-1, 4))
    parts = (
        view.view.T,
        view.projection.T,
        (view.width, view.height, float(has_depth), 0),
        (count, TEXTURE_WIDTH, len(view.clip_planes), 0),
        planes,
    )
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


def _rounded_up(count: int) -> int:
    return max(1, -(-count // TEXTURE_WIDTH)) * TEXTURE_WIDTH
