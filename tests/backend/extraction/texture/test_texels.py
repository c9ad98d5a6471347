"""Rasterisation of an atlas, against plain geometry."""

from __future__ import annotations

import numpy as np

from splatsmith.extraction.atlas.unwrap import unwrap
from splatsmith.extraction.texture.texels import (
    TILE,
    AtlasArrays,
    covered_texels,
    nearest_covered,
    rasterize_faces,
    texel_positions,
)
from splatsmith.progress import silent
from tests.backend.extraction.sample_surfaces import sphere
from tests.backend.extraction.texture.reference_texels import reference_positions

SIZE = 512


def test_faces_smaller_than_a_texel_are_rasterized() -> None:
    uvs = np.array([[0.5, 0.5], [0.5001, 0.5], [0.5, 0.5001]], np.float32)
    face_ids = rasterize_faces(uvs, np.array([[0, 1, 2]], np.int32), 64)
    assert (face_ids == 0).any()


def test_covered_texels_come_tile_by_tile() -> None:
    face_ids = np.where(np.random.default_rng(0).random((64, 64)) < 0.4, 1, -1).astype(np.int32)
    texels = np.arange(16 * 64, 48 * 64).reshape(-1, TILE, 64 // TILE, TILE)
    texels = texels.transpose(0, 2, 1, 3).reshape(-1)
    expected = texels[face_ids.reshape(-1)[texels] == 1]
    np.testing.assert_array_equal(covered_texels(face_ids, 16, 48), expected)


def test_positions_are_interpolated_between_the_corners() -> None:
    atlas = unwrap(sphere(), silent())
    face_ids = rasterize_faces(atlas.uvs, atlas.surface.faces, SIZE)
    texels = covered_texels(face_ids, 0, SIZE)
    arrays = AtlasArrays(atlas.surface.faces, atlas.uvs, atlas.surface.vertices, atlas.normals)
    found = texel_positions(texels, face_ids, arrays)
    for values, plain in zip(found, reference_positions(texels, face_ids, atlas), strict=True):
        np.testing.assert_allclose(values, plain, atol=1e-3)


def test_nearest_covered_texels_are_exact() -> None:
    random = np.random.default_rng(0)
    face_ids = np.where(random.random((64, 64)) < 0.01, 1, -1).astype(np.int32)
    nearest = nearest_covered(face_ids)
    rows, columns = np.nonzero(face_ids > 0)
    y, x = np.mgrid[:64, :64]
    distances = np.hypot(y[..., None] - rows, x[..., None] - columns)
    found = np.hypot(y - nearest // 64, x - nearest % 64)
    np.testing.assert_array_equal(found, distances.min(axis=2))
