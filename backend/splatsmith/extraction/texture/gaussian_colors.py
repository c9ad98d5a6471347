"""What colour a surface has, asked of the Gaussians at it and of the pictures that show it."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ...gaussians.numba_jit import Bytes, Floats, jit
from ..views.rendered_views import RenderedViews
from .color_field import ColorField
from .view_colors import view_colors

DETAIL, BASE = (
    np.uint8(1),
    np.uint8(2),
)  # flags: the Gaussians know a point's colour; the pictures do
_ZERO, _ONE = np.float32(0), np.float32(1)

_NEARLY = 0.1  # so much nearer than the point that is taken, as a share, the nearest may be
SURE = 0.15  # alpha of the Gaussians at a point from which on they know its colour


@dataclass(frozen=True)
class ColorSamples:
    """Of N points: sharp and seen [N, 3], sRGB; known [N], which of them may be believed."""

    sharp: Bytes
    seen: Bytes
    known: Bytes

    @property
    def best(self) -> Bytes:
        """[N, 3] what is seen, else what the Gaussians at the point say, else black."""
        return np.where((self.known & BASE)[:, None] > 0, self.seen, self.sharp)

    def take(self, chosen: NDArray[np.intp]) -> ColorSamples:
        return ColorSamples(self.sharp[chosen], self.seen[chosen], self.known[chosen])


@dataclass(frozen=True)
class GaussianColors:
    """Both sources of colours.

    The Gaussians around a point are as sharp as they can be, but know nothing where the surface
    has missed them; the pictures tell what is seen from outside, but are blurred.
    """

    field: ColorField
    views: RenderedViews

    def at(self, points: Floats, normals: Floats, both: NDArray[np.bool_]) -> ColorSamples:
        """Ask at points [N, 3] of the unit sphere with unit normals [N, 3].

        Args:
            both: [N] of which points the pictures tell even if the Gaussians know their colour.
        """
        sharp, alphas = self.field.at(points, normals)
        sure = alphas >= SURE
        seen, weights = view_colors(points, normals, np.flatnonzero(both | ~sure), self.views)
        known = DETAIL * sure | BASE * (weights > 0)
        return ColorSamples(_to_bytes(sharp), _to_bytes(seen), known)


def vertex_colors(points: Floats, normals: Floats, coloring: GaussianColors) -> Bytes:
    """sRGB bytes [N, 3]; a point that nothing is known about takes the nearest other's colour."""
    answers = coloring.at(points, normals, np.ones(len(points), np.bool_))
    colors, known = answers.best, answers.known > 0
    if known.any() and not known.all():
        colors[~known] = nearest_colors(points[~known], points[known], colors[known])
    return colors


def nearest_colors(points: Floats, known: Floats, colors: Bytes) -> Bytes:
    """For each of `points` the one of `colors` [K, 3] that belongs to a `known` point nearby.

    Hardly any is nearer: the search for the very nearest would take thrice the time.
    """
    tree = KDTree(known, balanced_tree=False, compact_nodes=False)
    return colors[tree.query(points, eps=_NEARLY, workers=-1)[1]]


@jit(parallel=True)
def _to_bytes(colors: Floats) -> Bytes:
    """sRGB bytes [N, 3] of colours 0..1."""
    out = np.empty(colors.shape, np.uint8)
    for i in numba.prange(len(colors)):
        for channel in range(3):
            value = min(max(colors[i, channel], _ZERO), _ONE)
            out[i, channel] = np.uint8(np.rint(np.float32(255) * value))
    return out
