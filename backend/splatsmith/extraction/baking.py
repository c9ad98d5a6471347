"""A texture painted from the Gaussians themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..gaussians.compiling import Floats, Integers
from ..progress import Progress
from .adjacency import Indices, unit
from .coloring import SURE, ColorField, nearest_colors, to_bytes
from .texels import corner_weights, cover, nearest_owned, painted
from .unwrapping import Atlas

_BAND = 256  # rows of texels that are painted at once: bounds the memory
_ANCHORS = 5_000  # sure texels kept of each band, to colour unsure ones by


def bake(
    atlas: Atlas, color_field: ColorField, texture_size: int, progress: Progress
) -> NDArray[np.uint8]:
    """Paint the texture [S, S, 3], sRGB, upper row first; no texel of it stays empty.

    Texels that show nothing take the colour of the nearest on the surface that does; those beyond
    the charts take the nearest texel's.

    Raises:
        Cancelled: between two bands of rows.
    """
    owner = cover(atlas.uvs, atlas.surface.faces, texture_size)
    picture = np.zeros((texture_size, texture_size, 3), np.uint8)
    flat = picture.reshape(-1, 3)
    doubts = _Doubts()
    for top in range(0, texture_size, _BAND):
        progress.step(top, texture_size)
        texels = painted(owner, top, min(top + _BAND, texture_size))
        points, normals = _places(atlas, owner, texels)
        colors, certainty = color_field.at(points, normals)
        flat[texels] = to_bytes(colors)
        doubts.note(texels, points, colors, certainty)
    doubts.settle(flat)
    flat[:] = flat[np.maximum(nearest_owned(owner), 0).reshape(-1)]
    progress.step(1, 1)
    return picture


def _places(atlas: Atlas, owner: Indices, texels: Integers) -> tuple[Floats, Floats]:
    """Where on the surface texels lie, [T, 3], and its normals there."""
    faces = atlas.surface.faces
    weights = corner_weights(texels, owner, atlas.uvs, faces)
    corners = faces[owner.reshape(-1)[texels]]
    return (
        _blend(atlas.surface.vertices, corners, weights),
        unit(_blend(atlas.normals, corners, weights)),
    )


def _blend(values: Floats, corners: Indices, weights: Floats) -> Floats:
    """Values [V, 3] at three corners each [T, 3], by weight."""
    out = values[corners[:, 0]] * weights[:, :1]
    for i in (1, 2):
        out += values[corners[:, i]] * weights[:, i : i + 1]
    return out


@dataclass
class _Doubts:
    """Texels that showed too little, and a choice of those that showed enough to colour them by."""

    unsure: list[tuple[Integers, Floats]] = field(default_factory=list)  # texels, points
    sure: list[tuple[Floats, Floats]] = field(default_factory=list)  # points, colors

    def note(self, texels: Integers, points: Floats, colors: Floats, certainty: Floats) -> None:
        sure = certainty >= SURE
        self.unsure.append((texels[~sure], points[~sure]))
        chosen = np.flatnonzero(sure)[:: 1 + len(texels) // _ANCHORS]
        self.sure.append((points[chosen], colors[chosen]))

    def settle(self, picture: NDArray[np.uint8]) -> None:
        """Colour the unsure texels of `picture` [texels, 3] as the nearest sure place is."""
        texels, points = (np.concatenate(part) for part in zip(*self.unsure, strict=True))
        places, colors = (np.concatenate(part) for part in zip(*self.sure, strict=True))
        if len(texels) and len(places):
            picture[texels] = to_bytes(nearest_colors(points, places, colors))
