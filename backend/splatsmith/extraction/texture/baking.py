"""A texture painted with a cloud's colours."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...gaussians.numba_jit import Bytes, Floats, Integers
from ...progress import Progress
from ..atlas.unwrap import Atlas
from .detail_transfer import sample_step, transfer_detail
from .gaussian_colors import BASE, ColorSamples, GaussianColors, nearest_colors
from .texels import nearest_covered, painted, put, rasterize_faces, spread, texel_positions

_SMALLEST = 1024  # texels a side: in fewer, charts lie too close to be enlarged
_BAND = 256  # rows of texels that are painted at once: bounds the memory
_ANCHORS = 5_000  # known texels kept of each band, to colour unknown ones by
_BLUR = 0.75  # of a pixel of the pictures, to either side, that they are taken to be blurred by
_MOST_BLUR = 1 / 512  # of the side: the distance between charts, beyond which another one begins


def bake_texture(
    atlas: Atlas, coloring: GaussianColors, texture_size: int, progress: Progress
) -> Bytes:
    """Paint the texture [S, S, 3], sRGB, upper row first; no texel of it stays empty.

    Its colours are those that are seen, with the detail that only the Gaussians have. Texels that
    nothing is known about take the colour of the nearest on the surface, those beyond the charts
    the nearest texel's. Where the Gaussians are coarser than its texels, it is painted smaller and
    enlarged.

    Raises:
        Cancelled: between two bands of rows.
    """
    texel = _texel(atlas, texture_size)
    size = texture_size
    while size > _SMALLEST and 2 * texel <= coloring.field.grain:
        size, texel = size // 2, 2 * texel
    picture = _paint(atlas, coloring, (size, _blur(coloring, texel, size)), progress)
    if size < texture_size:
        enlarged = Image.fromarray(picture).resize(
            (texture_size, texture_size), Image.Resampling.BICUBIC
        )
        picture = np.asarray(enlarged)
    progress.step(1, 1)
    return picture


def _paint(
    atlas: Atlas, coloring: GaussianColors, scale: tuple[int, int], progress: Progress
) -> Bytes:
    size, blur = scale
    owner = rasterize_faces(atlas.uvs, atlas.surface.faces, size)
    layers = _Layers.of(size)
    skin = (atlas.surface.vertices, atlas.normals)
    step = sample_step(blur)
    for top in range(0, size, _BAND):
        progress.step(top, size)
        texels = painted(owner, top, min(top + _BAND, size))
        points, normals = texel_positions(texels, owner, atlas.uvs, atlas.surface.faces, skin)
        both = (texels // size % step == 0) & (texels % size % step == 0)
        layers.add(texels, points, both, coloring.at(points, normals, both))
    layers.fill()
    picture = transfer_detail(layers.sharp, layers.seen, layers.known, blur)
    spread(picture, owner, nearest_covered(owner))
    return picture


def _texel(atlas: Atlas, size: int) -> float:
    """How long the side of a texel is on the surface."""
    corners = atlas.surface.vertices[atlas.surface.faces], atlas.uvs[atlas.surface.faces]
    on_surface, on_sheet = (_area(triangles) for triangles in corners)
    return float(np.sqrt(on_surface / max(on_sheet, 1e-12))) / size


def _area(triangles: Floats) -> float:
    """Of triangles [F, 3, 2 or 3] together."""
    a, b = (triangles[:, i].astype(np.float64) - triangles[:, 0] for i in (1, 2))
    aa, ab, bb = (np.einsum("fd,fd->f", u, v) for u, v in ((a, a), (a, b), (b, b)))
    return float(np.sqrt(np.maximum(aa * bb - ab * ab, 0)).sum() / 2)


def _blur(coloring: GaussianColors, texel: float, size: int) -> int:
    """How many texels to either side the pictures are blurred, at most the charts' distance."""
    blur = _BLUR * coloring.views.pixel / max(texel, 1e-9)
    return round(min(blur, _MOST_BLUR * size))


@dataclass
class _Layers:
    """Pictures of what is known, and the places of some texels with colours and of all without."""

    sharp: Bytes  # [S, S, 3]
    seen: Bytes  # [S, S, 3]
    known: Bytes  # [S, S]
    unknown: list[tuple[Integers, Floats]] = field(default_factory=list)  # texels, points
    anchors: list[tuple[Floats, Bytes]] = field(default_factory=list)  # points, colors

    @staticmethod
    def of(size: int) -> _Layers:
        pictures = np.zeros((2, size, size, 3), np.uint8)
        return _Layers(pictures[0], pictures[1], np.zeros((size, size), np.uint8))

    def add(
        self, texels: Integers, points: Floats, both: NDArray[np.bool_], answers: ColorSamples
    ) -> None:
        put(answers.sharp, texels, self.sharp.reshape(-1, 3))
        put(answers.seen, texels, self.seen.reshape(-1, 3))
        self.known.reshape(-1)[texels] = answers.known
        known = answers.known > 0
        self.unknown.append((texels[~known], points[~known]))
        chosen = np.flatnonzero(known & both)
        chosen = chosen[:: 1 + len(chosen) // _ANCHORS]
        self.anchors.append((points[chosen], answers.take(chosen).best))

    def fill(self) -> None:
        """Have unknown texels seen as the nearest anchor is."""
        texels, points = (np.concatenate(part) for part in zip(*self.unknown, strict=True))
        places, colors = (np.concatenate(part) for part in zip(*self.anchors, strict=True))
        if len(texels) and len(places):
            self.seen.reshape(-1, 3)[texels] = nearest_colors(points, places, colors)
            self.known.reshape(-1)[texels] = BASE
