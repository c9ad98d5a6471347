"""How much a depth mesh's samples count, for numba's loops."""

from __future__ import annotations

import math

from ...gaussians.numba_jit import Bytes, Floats, jit
from .depth_mesh import DISCONTINUOUS, ERODED, PADDING
from .triangle_setup import Corners

# Weights of the published renderer.
GAZE_FALLOFF = 20.0  # exp(-20 angle), of the angle between gaze and normal
MIN_WEIGHT = 1e-4
LEAST_COSINE = math.cos(-math.log(MIN_WEIGHT) / GAZE_FALLOFF)  # where the weight reaches it
ERODED_FACTOR = 1e-8
UNRELIABLE_WEIGHT = 1e-16  # padding and discontinuities
COLOR_LIMIT, DEPTH_LIMIT = 1e-6, 1e-14  # greater weights count as seen
UNRELIABLE_DEPTH_WEIGHT = 1e-8
ONLY_UNRELIABLE = 2e-8  # a pixel's sum of depth weights below which it has seen no more


@jit()
def weight_factor(flags: Bytes, corners: Corners) -> float:
    """Of a triangle's weights; 0 where they are those of what is unreliable."""
    i, j, k = corners
    if any_flag(flags, corners, PADDING) or flags[i] & flags[j] & flags[k] & DISCONTINUOUS:
        return 0.0
    return ERODED_FACTOR if flags[i] & flags[j] & flags[k] & ERODED else 1.0


@jit()
def gaze_weight(
    positions: Floats,
    normals: Floats,
    eye: Floats,
    corners: Corners,
    shares: tuple[float, float, float],
) -> float:
    """By how directly the mesh's own camera sees the point."""
    i, j, k = corners
    dot = gaze_square = normal_square = 0.0
    a, b, c = shares
    for axis in range(3):
        point = a * positions[i, axis] + b * positions[j, axis] + c * positions[k, axis]
        normal = a * normals[i, axis] + b * normals[j, axis] + c * normals[k, axis]
        gaze = eye[axis] - point
        dot += gaze * normal
        gaze_square += gaze * gaze
        normal_square += normal * normal
    cosine = dot / math.sqrt(max(gaze_square * normal_square, 1e-30))
    if cosine > LEAST_COSINE:
        return math.exp(-GAZE_FALLOFF * math.acos(min(cosine, 1.0)))
    return MIN_WEIGHT


@jit()
def any_flag(flags: Bytes, corners: Corners, bit: int) -> bool:
    i, j, k = corners
    return ((flags[i] | flags[j] | flags[k]) & bit) != 0
