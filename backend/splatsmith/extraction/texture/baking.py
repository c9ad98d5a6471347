"""Texture baking: a surface's colours sampled at the texels of its atlas."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from ...gaussians.numba_jit import Bytes, Floats, Integers
from ...progress import Progress
from ..array_types import Mask
from ..atlas.unwrap import Atlas
from ..sources import ExactColors, SurfaceColors
from .color_samples import BASE, ColorSamples, nearest_colors
from .detail_transfer import sample_step, transfer_detail
from .texels import (
    AtlasArrays,
    covered_texels,
    fill_uncovered,
    nearest_covered,
    rasterize_faces,
    scatter_colors,
    texel_positions,
)

_LEAST_SIZE = 1024  # texels a side: below, charts lie too close to be upsampled
_BAND = 256  # rows of texels that are sampled at once, which bounds the memory
_ANCHORS = 5_000  # known texels kept of each band, to fill unknown ones from
_BLUR = 0.75  # of a base pixel, to either side, that base colours are taken to be blurred by
_MAX_BLUR = 1 / 512  # of the side: the distance between charts


def bake_texture(
    atlas: Atlas, colors: SurfaceColors, texture_size: int, progress: Progress
) -> Bytes:
    """Bake `colors` into a texture [S, S, 3], sRGB, upper row first, without empty texels.

    Texels have the base colours with the detail that only the detail colours have. Unknown ones
    take the nearest known colour on the surface, those beyond the charts the nearest texel's. Where
    detail is coarser than texels, the texture is baked smaller and upsampled.

    Raises:
        Cancelled: between two bands of rows.
    """
    texel_size = _texel_size(atlas, texture_size)
    size = texture_size
    while size > _LEAST_SIZE and 2 * texel_size <= colors.detail_size:
        size, texel_size = size // 2, 2 * texel_size
    if isinstance(colors, ExactColors):
        image = _bake_exact(atlas, colors, size, progress)
    else:
        image = _bake(atlas, colors, size, _blur_radius(colors, texel_size, size), progress)
    if size < texture_size:
        upsampled = Image.fromarray(image).resize(
            (texture_size, texture_size), Image.Resampling.BICUBIC
        )
        image = np.asarray(upsampled)
    progress.step(1, 1)
    return image


def _bake(atlas: Atlas, colors: SurfaceColors, size: int, blur: int, progress: Progress) -> Bytes:
    arrays = _arrays(atlas)
    face_ids = rasterize_faces(arrays.uvs, arrays.faces, size)
    layers = _TextureLayers.empty(size)
    step = sample_step(blur)
    for top in range(0, size, _BAND):
        progress.step(top, size)
        texels = covered_texels(face_ids, top, min(top + _BAND, size))
        points, normals = texel_positions(texels, face_ids, arrays)
        base_wanted = (texels // size % step == 0) & (texels % size % step == 0)
        layers.add(texels, points, base_wanted, colors.at(points, normals, base_wanted))
    layers.fill_unknown()
    image = transfer_detail(layers.detail, layers.base, layers.known, blur)
    fill_uncovered(image, face_ids, nearest_covered(face_ids))
    return image


def _bake_exact(atlas: Atlas, colors: ExactColors, size: int, progress: Progress) -> Bytes:
    """As `_bake`, of colours without a base and without unknown texels."""
    arrays = _arrays(atlas)
    face_ids = rasterize_faces(arrays.uvs, arrays.faces, size)
    image = np.zeros((size, size, 3), np.uint8)
    for top in range(0, size, _BAND):
        progress.step(top, size)
        texels = covered_texels(face_ids, top, min(top + _BAND, size))
        points, _ = texel_positions(texels, face_ids, arrays)
        scatter_colors(colors.exact_at(points), texels, image.reshape(-1, 3))
    fill_uncovered(image, face_ids, nearest_covered(face_ids))
    return image


def _arrays(atlas: Atlas) -> AtlasArrays:
    return AtlasArrays(atlas.surface.faces, atlas.uvs, atlas.surface.vertices, atlas.normals)


def _texel_size(atlas: Atlas, size: int) -> float:
    """Side length of a texel on the surface, on average."""
    faces = atlas.surface.faces
    on_surface, in_texture = (
        _total_area(atlas.surface.vertices[faces]),
        _total_area(atlas.uvs[faces]),
    )
    return float(np.sqrt(on_surface / max(in_texture, 1e-12))) / size


def _total_area(triangles: Floats) -> float:
    """Of triangles [F, 3, 2 or 3]."""
    a, b = (triangles[:, i].astype(np.float64) - triangles[:, 0] for i in (1, 2))
    aa, ab, bb = (np.einsum("fd,fd->f", u, v) for u, v in ((a, a), (a, b), (b, b)))
    return float(np.sqrt(np.maximum(aa * bb - ab * ab, 0)).sum() / 2)


def _blur_radius(colors: SurfaceColors, texel_size: float, size: int) -> int:
    """Texels to either side by which base colours are blurred; at most the charts' distance."""
    blur = _BLUR * colors.base_pixel_size / max(texel_size, 1e-9)
    return round(min(blur, _MAX_BLUR * size))


@dataclass
class _TextureLayers:
    """Images of the sampled colours, and positions from which unknown texels are filled."""

    detail: Bytes  # [S, S, 3]
    base: Bytes  # [S, S, 3]
    known: Bytes  # [S, S]
    unknown: list[tuple[Integers, Floats]] = field(default_factory=list)  # texels, points
    anchors: list[tuple[Floats, Bytes]] = field(default_factory=list)  # points, colors

    @staticmethod
    def empty(size: int) -> _TextureLayers:
        images = np.zeros((2, size, size, 3), np.uint8)
        return _TextureLayers(images[0], images[1], np.zeros((size, size), np.uint8))

    def add(
        self, texels: Integers, points: Floats, base_wanted: Mask, samples: ColorSamples
    ) -> None:
        scatter_colors(samples.detail, texels, self.detail.reshape(-1, 3))
        scatter_colors(samples.base, texels, self.base.reshape(-1, 3))
        self.known.reshape(-1)[texels] = samples.known
        known = samples.known > 0
        self.unknown.append((texels[~known], points[~known]))
        chosen = np.flatnonzero(known & base_wanted)
        chosen = chosen[:: 1 + len(chosen) // _ANCHORS]
        self.anchors.append((points[chosen], samples.select(chosen).best))

    def fill_unknown(self) -> None:
        """Give unknown texels the base colour of the nearest anchor."""
        texels, points = (np.concatenate(part) for part in zip(*self.unknown, strict=True))
        positions, colors = (np.concatenate(part) for part in zip(*self.anchors, strict=True))
        if len(texels) and len(positions):
            self.base.reshape(-1, 3)[texels] = nearest_colors(points, positions, colors)
            self.known.reshape(-1)[texels] = BASE
