"""Positions of texels by plain geometry."""

from __future__ import annotations

import numpy as np

from splatsmith.extraction.atlas.unwrap import Atlas


def reference_positions(
    texels: np.ndarray, face_ids: np.ndarray, atlas: Atlas
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and normals [T, 3] of texels, by areas of the triangles that they span."""
    spots = np.stack([texels % len(face_ids), texels // len(face_ids)], axis=1) / len(face_ids)
    corners = atlas.surface.faces[face_ids.reshape(-1)[texels]]
    to = atlas.uvs[corners].astype(np.float64) - (spots + 0.5 / len(face_ids))[:, None]
    after, last = np.roll(to, -1, axis=1), np.roll(to, -2, axis=1)
    areas = after[..., 0] * last[..., 1] - after[..., 1] * last[..., 0]
    areas *= np.sign(areas.sum(axis=1, keepdims=True))
    weights = np.maximum(areas, 0) / np.maximum(areas, 0).sum(axis=1, keepdims=True)
    points, normals = (
        np.einsum("tk,tki->ti", weights, values[corners])
        for values in (atlas.surface.vertices, atlas.normals)
    )
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)
