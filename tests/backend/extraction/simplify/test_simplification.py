"""Fewer triangles: how many, how true to the surface, and with what topology."""

from __future__ import annotations

import fast_simplification
import numpy as np
import pytest
import trimesh
from scipy.spatial import KDTree

from splatsmith.extraction.simplify.edge_collapse import collapse_edges
from splatsmith.extraction.simplify.simplification import simplify
from splatsmith.extraction.surface.triangle_surface import Surface
from tests.backend.extraction.sample_surfaces import rolled_sheet, sphere, surface_of


def mesh_of(surface: Surface) -> trimesh.Trimesh:
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def bumpy(detail: int = 5) -> Surface:
    """A closed surface, smooth in places and rough in others."""
    ball = sphere(detail)
    x, y, z = ball.vertices.T
    bumps = 1 + 0.1 * np.sin(9 * x) * np.sin(7 * y) + 0.02 * np.sin(40 * z) * (z > 0.3)
    return Surface((ball.vertices * bumps[:, None]).astype(np.float32), ball.faces)


def far_off(surface: Surface, reduced: Surface) -> float:
    """Root mean square of the distances of `surface`'s vertices from the reduced one's planes."""
    mesh = mesh_of(reduced)
    points, faces, *_ = trimesh.sample.sample_surface(mesh, 100_000, seed=0)
    _, nearest = KDTree(points).query(surface.vertices)
    gaps = surface.vertices - points[nearest]
    along = np.einsum("ij,ij->i", gaps, mesh.face_normals[faces[nearest]])
    return float(np.sqrt(np.square(along).mean()))


def rim_of(surface: Surface) -> np.ndarray:
    """The edges [E, 2] of one face alone."""
    edges = np.sort(surface.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 2
    return unique[counts == 1]


@pytest.mark.parametrize("budget", [5000, 1000, 201])
def test_it_stays_a_closed_manifold_of_the_budget(budget: int) -> None:
    surface = bumpy()
    mesh = mesh_of(simplify(surface, budget))
    assert budget - 1 <= len(mesh.faces) <= budget
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    assert mesh.volume == pytest.approx(mesh_of(surface).volume, rel=0.03)


def test_it_is_truer_to_the_surface_than_the_library() -> None:
    surface = bumpy()
    ours = simplify(surface, 3000)
    vertices, faces = fast_simplification.simplify(
        surface.vertices.astype(np.float64), surface.faces, target_count=3000, agg=7
    )[:2]
    theirs = Surface(vertices.astype(np.float32), faces.astype(np.int32))
    assert far_off(surface, ours) < far_off(surface, theirs)
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


def test_rims_keep_their_course() -> None:
    sheet = rolled_sheet(rows=24, columns=240)
    reduced = simplify(sheet, 1200)
    low, high = sheet.vertices[:, 2].min(), sheet.vertices[:, 2].max()
    heights = reduced.vertices[np.unique(rim_of(reduced)), 2]
    ends = np.minimum(np.abs(heights - low), np.abs(heights - high)) > 1e-5
    # Only the two short sides of the sheet are between the heights.
    assert ends.mean() < 0.3
    assert mesh_of(reduced).area == pytest.approx(mesh_of(sheet).area, rel=0.01)


def test_a_rim_in_a_plane_stays_in_it() -> None:
    ball = bumpy()
    half = Surface(ball.vertices, ball.faces[(ball.vertices[ball.faces, 0] > 0).all(1)]).compact()
    rim = np.unique(rim_of(half))
    half.vertices[rim, 0] = 0
    reduced = simplify(half, 1000)
    assert (reduced.vertices[np.unique(rim_of(reduced)), 0] == 0).all()


def test_many_pieces_may_go_for_a_small_budget() -> None:
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
        results.append(collapse_edges(surface.vertices.astype(np.float64), surface.faces, 900))
    numba.set_num_threads(before)
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
