"""Colours at the vertices of a surface, where no texture is wanted."""

from __future__ import annotations

import numpy as np

from ...gaussians.numba_jit import Bytes, Floats
from ..sources import SurfaceColors
from .color_samples import nearest_colors


def vertex_colors(points: Floats, normals: Floats, colors: SurfaceColors) -> Bytes:
    """sRGB [N, 3] at `points` [N, 3]; unknown ones take the colour of the nearest known point."""
    samples = colors.at(points, normals, np.ones(len(points), np.bool_))
    found, known = samples.best, samples.known > 0
    if known.any() and not known.all():
        found[~known] = nearest_colors(points[~known], points[known], found[known])
    return found
