"""What becomes of hollows, bottoms, sheets, mirror images and pinches."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.ndimage import label

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.protocol import Closure, ExtractionOptions
from splatsmith.extraction.simplify.manifold_repair import repair_manifold
from splatsmith.extraction.simplify.simplification import join_mirror_image, simplify
from splatsmith.extraction.surface.cavity_filling import _enclosed
from splatsmith.extraction.surface.reconstruction import reconstruct_surface
from splatsmith.extraction.surface.symmetry import find_mirror_plane, is_symmetric
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.extraction.views.rendered_views import NormalizedCloud
from splatsmith.progress import silent
from tests.backend.gaussians.clouds import joined, shell

COARSE = ExtractionOptions(face_budget=20_000, resolution=64)


def mesh_of(cloud: GaussianCloud, options: ExtractionOptions = COARSE) -> trimesh.Trimesh:
    """The surface in the cloud's frame."""
    subject = NormalizedCloud.of(cloud)
    surface, _ = reconstruct_surface(subject, options, silent(), "cpu")
    vertices = surface.vertices * subject.sphere.radius + subject.sphere.center
    return trimesh.Trimesh(vertices, surface.faces, process=False)


@pytest.fixture(scope="module")
def bell() -> GaussianCloud:
    """A ball without its lowest fifth: one can look inside from below."""
    whole = shell(12_000)
    return whole.select(whole.means[:, 1] > -0.6)


def ball_above(y: float) -> float:
    """The volume of the unit ball above a height."""
    cap = 1 + y
    return 4 / 3 * np.pi - np.pi * cap**2 * (3 - cap) / 3


def test_a_bell_standing_on_the_ground_is_solid(bell: GaussianCloud) -> None:
    mesh = mesh_of(bell)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(ball_above(-0.6), rel=0.1)


def test_a_bell_stays_hollow_if_its_bottom_is_kept(bell: GaussianCloud) -> None:
    mesh = mesh_of(bell, replace(COARSE, close_bottom=False))
    assert mesh.is_watertight
    assert mesh.volume < 0.5 * ball_above(-0.6)


def test_a_ball_within_a_ball_leaves_no_inner_shell() -> None:
    outer, inner = shell(8000), shell(3000, 0.5, seed=1)
    both = joined(outer, inner)
    mesh = mesh_of(both)
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi, rel=0.08)


def test_open_surfaces_are_not_closed(bell: GaussianCloud) -> None:
    mesh = mesh_of(bell, replace(COARSE, closure=Closure.OPEN))
    assert not mesh.is_watertight
    radii = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(radii - 1).max() < 0.15


def test_a_sheet_keeps_both_sides_and_stays_thin() -> None:
    random = np.random.default_rng(0)
    count = 10_000
    sheet = GaussianCloud(
        means=np.column_stack([random.uniform(-1, 1, (count, 2)), np.zeros(count)]).astype(
            np.float32
        ),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.tile(np.array([0.03, 0.03, 0.001], np.float32), (count, 1)),
        opacities=np.full(count, 0.95, np.float32),
        sh0=np.zeros((count, 3), np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
    mesh = mesh_of(sheet, replace(COARSE, resolution=128))
    assert mesh.is_watertight
    assert mesh.area == pytest.approx(8, rel=0.1)
    assert np.percentile(np.abs(mesh.vertices[:, 2]), 90) < 2 * 2 / 128


def test_what_is_alike_on_both_sides_comes_out_so() -> None:
    right = shell(6000)
    right.means[:, 1] *= 1.4
    keep = right.means[:, 0] >= 0
    half = right.select(keep)
    mirrored = replace(half, means=half.means * np.array([-1, 1, 1], np.float32))
    mirrored.quats[:, [2, 3]] *= -1  # a mirror turns the other way about the other axes
    both = joined(half, mirrored)
    mesh = mesh_of(both, replace(COARSE, face_budget=2000))
    assert mesh.is_watertight
    plane = (mesh.bounds[0, 0] + mesh.bounds[1, 0]) / 2
    others = mesh.vertices * (-1, 1, 1) + (2 * plane, 0, 0)
    gaps = np.linalg.norm(mesh.vertices[:, None] - others[None], axis=2).min(axis=1)
    assert gaps.max() < 1e-5


def test_smoke_gets_a_surface_from_its_density(caplog: pytest.LogCaptureFixture) -> None:
    smoke = shell(300)
    smoke.means[:] *= np.random.default_rng(0).uniform(0, 1, (300, 1)) ** (1 / 3)
    smoke.scales[:] = 0.09
    smoke.opacities[:] = 0.11
    with caplog.at_level(logging.INFO):
        mesh = mesh_of(smoke)
    assert "density" in caplog.text
    assert mesh.is_watertight
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi, rel=0.25)


def test_a_room_is_seen_from_inside(caplog: pytest.LogCaptureFixture) -> None:
    room = shell(12_000)
    lamp = shell(2000, 0.2, seed=1)
    lamp.means[:, 0] += 0.4
    with caplog.at_level(logging.INFO):
        mesh = mesh_of(joined(room, lamp), replace(COARSE, closure=Closure.OPEN))
    assert "inside the cloud" in caplog.text
    near_lamp = np.linalg.norm(mesh.triangles_center - (0.4, 0, 0), axis=1) < 0.3
    assert mesh.area_faces[near_lamp].sum() > 0.5 * 4 * np.pi * 0.2**2
    inwards = np.einsum("ij,ij->i", mesh.face_normals, mesh.triangles_center) < 0
    assert mesh.area_faces[inwards & ~near_lamp].sum() > 0.8 * 4 * np.pi


def test_the_mirror_plane_is_found() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (4000, 3)).astype(np.float32)
    both = np.concatenate([points, points * (-1, 1, 1)]).astype(np.float32) + np.float32(0.3)
    plane = find_mirror_plane(both)
    assert plane == pytest.approx(0.3, abs=1e-3)
    assert is_symmetric(both, plane, 0.01)
    assert not is_symmetric(both, plane + 0.1, 0.01)
    assert not is_symmetric(points, find_mirror_plane(points), 0.01)


def test_a_mirror_image_closes_a_half() -> None:
    box = trimesh.creation.box((2, 2, 2)).subdivide().subdivide()
    right = np.asarray(box.faces, np.int32)[box.triangles_center[:, 0] > 0.5]
    half = Surface(np.asarray(box.vertices, np.float32), right).compact()
    whole = join_mirror_image(half, 0.5, 1e-4)
    mesh = trimesh.Trimesh(whole.vertices, whole.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1 * 2 * 2, rel=1e-5)


def test_two_boxes_that_share_an_edge_are_parted() -> None:
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
    parted = repair_manifold(surface, 1e-3)
    mesh = trimesh.Trimesh(parted.vertices, parted.faces, process=True)  # merges by place
    assert mesh.is_watertight
    assert mesh.body_count == 2


def test_a_doubled_face_goes() -> None:
    box = trimesh.creation.box((1, 1, 1))
    fin = np.array([[0, 1, 8], [1, 0, 8]], np.int32)
    vertices = np.concatenate([box.vertices, [[2, 2, 2]]]).astype(np.float32)
    surface = Surface(vertices, np.concatenate([np.asarray(box.faces, np.int32), fin]))
    assert len(repair_manifold(surface, 1e-3).faces) == 12


def test_reducing_keeps_a_torus_closed() -> None:
    torus = trimesh.creation.torus(1, 0.2, major_sections=128, minor_sections=64)
    surface = Surface(np.asarray(torus.vertices, np.float32), np.asarray(torus.faces, np.int32))
    for budget in (2000, 100, 12, 4):
        reduced = simplify(surface, budget)
        assert len(reduced.faces) <= budget
        if len(reduced.faces):
            assert trimesh.Trimesh(reduced.vertices, reduced.faces, process=False).is_watertight


def test_a_missing_face_is_put_back_but_a_single_one_stays_single() -> None:
    ball = trimesh.creation.icosphere(1)
    holed = Surface(
        ball.vertices.astype(np.float32), np.delete(ball.faces, [5, 40], axis=0).astype(np.int32)
    )
    whole = repair_manifold(holed, 0.01)
    assert trimesh.Trimesh(whole.vertices, whole.faces).is_watertight
    assert trimesh.Trimesh(whole.vertices, whole.faces).is_winding_consistent
    alone = repair_manifold(Surface(holed.vertices, holed.faces[:1]), 0.01)
    assert len(alone.faces) == 1


def test_no_two_vertices_of_a_manifold_lie_in_one_place() -> None:
    box = trimesh.creation.box()
    twice = Surface(
        np.tile(box.vertices, (2, 1)).astype(np.float32),
        np.concatenate([box.faces, box.faces + len(box.vertices)]).astype(np.int32),
    )
    parted = repair_manifold(twice, 0.01)
    assert len(np.unique(parted.vertices, axis=0)) == len(twice.vertices)
    np.testing.assert_allclose(np.abs(parted.vertices), 0.5, atol=0.02)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_what_the_outside_does_not_reach_is_enclosed(share: float) -> None:
    free = np.random.default_rng(0).random((30, 25, 20)) < share
    free[0, -1, 0] = True
    numbers = np.empty(free.shape, np.int32)
    label(free, output=numbers)
    np.testing.assert_array_equal(_enclosed(free), free & (numbers != numbers[0, -1, 0]))
