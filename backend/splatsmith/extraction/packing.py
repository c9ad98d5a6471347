"""Flat charts laid side by side on a square, by their true outlines: xatlas packs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xatlas
from numpy.typing import NDArray

from ..gaussians.compiling import Floats, Integers
from .adjacency import Indices

_RESOLUTION = 1024  # texels a side by which outlines are compared
_GAP = 4  # of these between charts: at least 1/512 of the side, since the sheet comes out larger


@dataclass(frozen=True)
class FlatCharts:
    """C charts in the plane.

    points: [M, 2], from 0 up, each in its chart's own frame.
    faces: [F, 3], chart after chart: those of chart c are faces[starts[c]:starts[c + 1]].
    """

    points: Floats
    faces: Indices
    starts: Integers

    @property
    def area(self) -> float:
        return max(float(self.areas.sum()), 1e-30)

    @property
    def areas(self) -> NDArray[np.float64]:
        """[F] of the faces."""
        a, b, c = (self.points[self.faces[:, i]].astype(np.float64) for i in range(3))
        u, v = b - a, c - a
        return np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def pack(charts: FlatCharts) -> Floats:
    """The place [M, 2] of every point, 0..1 to the right and downwards, all charts at one scale."""
    # xatlas passes over what has no area at all, whatever the units.
    points = charts.points / np.float32(np.sqrt(charts.area))
    atlas = xatlas.Atlas()
    chart = np.repeat(np.arange(len(charts.starts) - 1, dtype=np.uint32), np.diff(charts.starts))
    atlas.add_uv_mesh(points, charts.faces.astype(np.uint32), chart[:, None])
    atlas.generate(pack_options=_options())
    _, faces, uvs = atlas.get_mesh(0)
    uvs = uvs * (np.array([atlas.width, atlas.height]) / max(atlas.width, atlas.height, 1))
    places = np.zeros((len(points), 2), np.float32)
    largest_last = np.argsort(charts.areas, kind="stable")
    places[charts.faces[largest_last]] = uvs[faces[largest_last]]
    return places


def _options() -> xatlas.PackOptions:
    options = xatlas.PackOptions()
    options.resolution = _RESOLUTION
    options.padding = _GAP
    options.bilinear = True
    options.rotate_charts = True
    return options
