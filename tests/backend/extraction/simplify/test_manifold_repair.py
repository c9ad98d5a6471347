"""Repair of pinched and holed surfaces."""

from __future__ import annotations

import numpy as np
import trimesh

from splatsmith.extraction.simplify.manifold_repair import repair_manifold
from splatsmith.extraction.surface.triangle_surface import Surface


def test_two_boxes_that_share_an_edge_are_separated() -> None:
    one = trimesh.creation.box((1, 1, 1))
    other = one.copy()
    other.apply_translation((1, 1, 0))
    joined = trimesh.Trimesh(
        np.concatenate([one.vertices, other.vertices]),
        np.concatenate([one.faces, other.faces + len(one.vertices)]),
        process=False,
    )
    joined.merge_vertices()
    assert not joined.is_watertight
    surface = Surface(np.asarray(joined.vertices, np.float32), np.asarray(joined.faces, np.int32))
    separated = repair_manifold(surface, 1e-3)
    mesh = trimesh.Trimesh(separated.vertices, separated.faces, process=True)  # merges by place
    assert mesh.is_watertight
    assert mesh.body_count == 2


def test_duplicate_faces_are_removed() -> None:
    box = trimesh.creation.box((1, 1, 1))
    fin = np.array([[0, 1, 8], [1, 0, 8]], np.int32)
    vertices = np.concatenate([box.vertices, [[2, 2, 2]]]).astype(np.float32)
    surface = Surface(vertices, np.concatenate([np.asarray(box.faces, np.int32), fin]))
    assert len(repair_manifold(surface, 1e-3).faces) == 12


def test_missing_faces_are_filled_but_a_single_face_stays() -> None:
    ball = trimesh.creation.icosphere(1)
    holed = Surface(
        ball.vertices.astype(np.float32), np.delete(ball.faces, [5, 40], axis=0).astype(np.int32)
    )
    whole = repair_manifold(holed, 0.01)
    assert trimesh.Trimesh(whole.vertices, whole.faces).is_watertight
    assert trimesh.Trimesh(whole.vertices, whole.faces).is_winding_consistent
    alone = repair_manifold(Surface(holed.vertices, holed.faces[:1]), 0.01)
    assert len(alone.faces) == 1


def test_coincident_vertices_are_separated() -> None:
    box = trimesh.creation.box()
    twice = Surface(
        np.tile(box.vertices, (2, 1)).astype(np.float32),
        np.concatenate([box.faces, box.faces + len(box.vertices)]).astype(np.int32),
    )
    separated = repair_manifold(twice, 0.01)
    assert len(np.unique(separated.vertices, axis=0)) == len(twice.vertices)
    np.testing.assert_allclose(np.abs(separated.vertices), 0.5, atol=0.02)
