"""Shading normals: smooth, but split at sharp edges."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from splatsmith.extraction.surface.adjacency import face_neighbors
from splatsmith.extraction.surface.shading_normals import ShadedSurface, split_sharp_edges
from splatsmith.extraction.surface.triangle_surface import Surface
from tests.backend.extraction.sample_surfaces import box, sphere, surface_of


def shade(surface: Surface) -> ShadedSurface:
    return split_sharp_edges(surface, face_neighbors(surface.faces))


def test_a_box_keeps_its_edges() -> None:
    shaded = shade(box())
    assert len(shaded.normals) == 24
    corners = shaded.normals[shaded.surface.faces]
    np.testing.assert_allclose(corners, np.repeat(corners[:, :1], 3, axis=1), atol=1e-6)
    np.testing.assert_allclose(np.abs(corners[:, 0]).max(axis=1), 1, atol=1e-6)


def test_a_sphere_is_smooth_all_over() -> None:
    surface = sphere()
    shaded = shade(surface)
    assert len(shaded.source) == len(surface.vertices)
    np.testing.assert_allclose(shaded.normals, shaded.surface.vertices, atol=0.02)


@pytest.mark.parametrize(("sides", "splits"), [(12, False), (8, True)])
def test_edges_above_forty_degrees_are_split(sides: int, splits: bool) -> None:
    prism = surface_of(trimesh.creation.cylinder(1, 1, sections=sides))
    walls = shade(prism).normals
    upright = np.abs(walls[:, 2]) < 0.1
    assert (upright.sum() == 4 * sides) == splits


def test_faces_and_positions_stay() -> None:
    surface = box()
    shaded = shade(surface)
    np.testing.assert_array_equal(shaded.source[shaded.surface.faces], surface.faces)
    np.testing.assert_array_equal(shaded.surface.vertices, surface.vertices[shaded.source])


def test_degenerate_faces_do_not_affect_their_neighbours() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]], np.float32)
    faces = np.array([[0, 1, 2], [2, 1, 3], [3, 3, 3]], np.int32)
    normals = shade(Surface(vertices, faces)).normals
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(normals[0], (0, 0, 1))
