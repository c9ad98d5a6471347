"""Simplification: face count, error and topology."""

from __future__ import annotations

import fast_simplification
import numpy as np
import pytest
import trimesh
from scipy.spatial import KDTree

from splatsmith.extraction.simplify.edge_collapse import STRICT, collapse_edges
from splatsmith.extraction.simplify.simplification import join_mirror_image, simplify
from splatsmith.extraction.surface.triangle_surface import Surface
from tests.backend.extraction.sample_surfaces import rolled_sheet, sphere, surface_of


def mesh_of(surface: Surface) -> trimesh.Trimesh:
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def bumpy(detail: int = 5) -> Surface:
    """A closed surface, partly smooth and partly rough."""
    ball = sphere(detail)
    x, y, z = ball.vertices.T
    bumps = 1 + 0.1 * np.sin(9 * x) * np.sin(7 * y) + 0.02 * np.sin(40 * z) * (z > 0.3)
    return Surface((ball.vertices * bumps[:, None]).astype(np.float32), ball.faces)


def plane_error(surface: Surface, reduced: Surface) -> float:
    """RMS distance of `surface`'s vertices from the planes of the reduced one."""
    mesh = mesh_of(reduced)
    points, faces, *_ = trimesh.sample.sample_surface(mesh, 100_000, seed=0)
    _, nearest = KDTree(points).query(surface.vertices)
    gaps = surface.vertices - points[nearest]
    along = np.einsum("ij,ij->i", gaps, mesh.face_normals[faces[nearest]])
    return float(np.sqrt(np.square(along).mean()))


def boundary_edges(surface: Surface) -> np.ndarray:
    """The edges [E, 2] of exactly one face."""
    edges = np.sort(surface.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 2
    return unique[counts == 1]


@pytest.mark.parametrize("budget", [5000, 1000, 201])
def test_closed_manifolds_stay_closed_within_the_budget(budget: int) -> None:
    surface = bumpy()
    mesh = mesh_of(simplify(surface, budget))
    assert budget - 1 <= len(mesh.faces) <= budget
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    assert mesh.volume == pytest.approx(mesh_of(surface).volume, rel=0.03)


def test_the_error_is_below_that_of_fast_simplification() -> None:
    surface = bumpy()
    ours = simplify(surface, 3000)
    vertices, faces = fast_simplification.simplify(
        surface.vertices.astype(np.float64), surface.faces, target_count=3000, agg=7
    )[:2]
    theirs = Surface(vertices.astype(np.float32), faces.astype(np.int32))
    assert plane_error(surface, ours) < plane_error(surface, theirs)
    angles = [np.median(trimesh.triangles.angles(mesh_of(s).triangles)) for s in (ours, theirs)]
    assert angles[0] > 0.9 * angles[1]


def test_flat_faces_take_few_triangles_and_edges_stay_sharp() -> None:
    whole = trimesh.creation.box((1, 2, 3))
    fine = trimesh.remesh.subdivide_to_size(whole.vertices, whole.faces, 0.1)
    box = surface_of(trimesh.Trimesh(*fine[:2]))
    reduced = mesh_of(simplify(box, 60))
    assert len(reduced.faces) <= 60
    assert reduced.volume == pytest.approx(6, rel=1e-4)
    assert reduced.area == pytest.approx(22, rel=1e-4)


def test_boundaries_keep_their_shape() -> None:
    sheet = rolled_sheet(rows=24, columns=240)
    reduced = simplify(sheet, 1200)
    low, high = sheet.vertices[:, 2].min(), sheet.vertices[:, 2].max()
    heights = reduced.vertices[np.unique(boundary_edges(reduced)), 2]
    ends = np.minimum(np.abs(heights - low), np.abs(heights - high)) > 1e-5
    # Only the two short sides of the sheet are between the heights.
    assert ends.mean() < 0.3
    assert mesh_of(reduced).area == pytest.approx(mesh_of(sheet).area, rel=0.01)


def test_a_planar_boundary_stays_planar() -> None:
    ball = bumpy()
    half = Surface(ball.vertices, ball.faces[(ball.vertices[ball.faces, 0] > 0).all(1)]).compact()
    boundary = np.unique(boundary_edges(half))
    half.vertices[boundary, 0] = 0
    reduced = simplify(half, 1000)
    assert (reduced.vertices[np.unique(boundary_edges(reduced)), 0] == 0).all()


def test_components_may_go_for_a_small_budget() -> None:
    ball = sphere(1)
    places = np.arange(30)[:, None, None] * (3, 0, 0) + ball.vertices
    faces = np.arange(30)[:, None, None] * len(ball.vertices) + ball.faces
    pieces = Surface(
        places.reshape(-1, 3).astype(np.float32), faces.reshape(-1, 3).astype(np.int32)
    )
    reduced = simplify(pieces, 60)
    assert 0 < len(reduced.faces) <= 60


def test_the_number_of_threads_does_not_matter() -> None:
    import numba  # noqa: PLC0415

    surface = bumpy(4)
    before = numba.get_num_threads()
    results = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        results.append(
            collapse_edges(surface.vertices.astype(np.float64), surface.faces, 900, STRICT)
        )
    numba.set_num_threads(before)
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_reducing_keeps_a_torus_closed() -> None:
    torus = trimesh.creation.torus(1, 0.2, major_sections=128, minor_sections=64)
    surface = Surface(np.asarray(torus.vertices, np.float32), np.asarray(torus.faces, np.int32))
    for budget in (2000, 100, 12, 4):
        reduced = simplify(surface, budget)
        assert len(reduced.faces) <= budget
        if len(reduced.faces):
            assert trimesh.Trimesh(reduced.vertices, reduced.faces, process=False).is_watertight


def test_a_mirror_image_closes_a_half() -> None:
    box = trimesh.creation.box((2, 2, 2)).subdivide().subdivide()
    right = np.asarray(box.faces, np.int32)[box.triangles_center[:, 0] > 0.5]
    half = Surface(np.asarray(box.vertices, np.float32), right).compact()
    whole = join_mirror_image(half, 0.5, 1e-4)
    mesh = trimesh.Trimesh(whole.vertices, whole.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1 * 2 * 2, rel=1e-5)
