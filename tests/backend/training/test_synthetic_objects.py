"""Synthetic objects are valid, reproducible meshes in the unit sphere."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from training.mesh_rasterizer import render_view
from training.objects import Mesh
from training.render_views import is_rotated, stretched_form
from training.synthetic_objects import assemble_primitives, compose, concatenate, normalized


def box(color: tuple[float, float, float], shades: list[int] | None = None) -> Mesh:
    """A box; `shades` are the gray levels of a texture instead of the color."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in sides for face in ((a, b, c), (a, c, d))]
    texels = np.repeat(np.array(shades or [0], np.uint8)[:, None], 4, 1) | np.array(
        [0, 0, 0, 255], np.uint8
    )
    return Mesh(
        corners.astype(np.float32),
        np.array(faces, np.int32),
        np.zeros(len(faces), np.int32),
        np.array([[*color, 1]], np.float32),
        np.array([0 if shades else -1], np.int32),
        np.ones((8, 3), np.float32),
        np.full((8, 2), 0.5, np.float32),
        texels,
        np.array([[0, 1, len(texels)]], np.int32),
    )


def check_mesh(mesh: Mesh) -> None:
    assert np.isfinite(mesh.vertices).all()
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1, abs=1e-4)
    assert len(mesh.faces)
    assert mesh.faces.max() < len(mesh.vertices) == len(mesh.uv) == len(mesh.vertex_rgb)
    assert mesh.face_material.max() < len(mesh.material_rgba) == len(mesh.material_texture)
    assert mesh.material_texture.max() < len(mesh.texture_shape)
    starts, heights, widths = mesh.texture_shape.T
    assert (starts + heights * widths <= len(mesh.texels)).all()


@pytest.mark.parametrize("number", range(40))
def test_synthetic_objects_are_valid_and_reproducible(number: int) -> None:
    parts = [box((1, 0, 0)), box((1, 1, 1), [40, 200])]
    for make in (assemble_primitives, lambda rng: compose(parts, rng)):
        first, again = (make(np.random.default_rng(number)) for _ in range(2))
        check_mesh(first)
        for field in fields(Mesh):
            assert np.array_equal(getattr(first, field.name), getattr(again, field.name))


def test_concatenated_objects_keep_their_colors() -> None:
    low, high = box((0, 0, 1)), box((1, 1, 1), [100])
    high.vertices[:, 1] += 1.5
    color, _, _ = render_view(normalized(concatenate([low, high])), 0, 0)
    seen = {tuple(int(c) for c in color[row, 64]) for row in (45, 83)}
    assert seen == {(100, 100, 100, 255), (0, 0, 255, 255)}


def test_odd_forms_are_rotated() -> None:
    upright = box((1, 0, 0))
    for form in range(5):
        vertices = stretched_form(upright, "box", form).vertices
        aligned = all(len(np.unique(vertices[:, axis].round(4))) == 2 for axis in range(3))
        assert aligned != is_rotated(form)
