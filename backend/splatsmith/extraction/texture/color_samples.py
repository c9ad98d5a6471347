"""Colours sampled at points of a surface, and how gaps in them are closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ...gaussians.numba_jit import Bytes, Floats

DETAIL, BASE = np.uint8(1), np.uint8(2)  # flags of ColorSamples.known
_NEAREST_TOLERANCE = 0.1  # relative: the nearest point may be so much nearer than the one taken


@dataclass(frozen=True)
class ColorSamples:
    """Colours of N points in two layers, as in base-detail decomposition of images.

    Attributes:
        detail: [N, 3] sRGB, sharp, but with a low-frequency error.
        base: [N, 3] sRGB, right on average, but blurred.
        known: [N] flags, DETAIL | BASE: which of both hold a colour.
    """

    detail: Bytes
    base: Bytes
    known: Bytes

    @property
    def best(self) -> Bytes:
        """[N, 3] the base, else the detail, else black."""
        return np.where((self.known & BASE)[:, None] > 0, self.base, self.detail)

    def select(self, chosen: NDArray[np.intp]) -> ColorSamples:
        return ColorSamples(self.detail[chosen], self.base[chosen], self.known[chosen])


def nearest_colors(points: Floats, known: Floats, colors: Bytes) -> Bytes:
    """Colours of `points` [N, 3]: of `colors` [K, 3] that at the nearest of `known` [K, 3].

    Approximate: the exact search takes three times as long.
    """
    tree = KDTree(known, balanced_tree=False, compact_nodes=False)
    return colors[tree.query(points, eps=_NEAREST_TOLERANCE, workers=-1)[1]]
