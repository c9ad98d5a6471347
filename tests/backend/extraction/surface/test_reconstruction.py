"""Reconstruction of hollow, open, thin, symmetric and translucent shapes."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.protocol import Closure, ExtractionOptions
from splatsmith.extraction.surface.reconstruction import reconstruct_surface
from splatsmith.extraction.views.rendered_views import NormalizedCloud
from splatsmith.progress import silent
from tests.backend.gaussians.clouds import joined, shell

COARSE = ExtractionOptions(face_budget=20_000, resolution=64)


def mesh_of(cloud: GaussianCloud, options: ExtractionOptions = COARSE) -> trimesh.Trimesh:
    """The surface in the cloud's frame."""
    subject = NormalizedCloud.from_cloud(cloud)
    surface, _ = reconstruct_surface(subject, options, silent(), "cpu")
    vertices = surface.vertices * subject.sphere.radius + subject.sphere.center
    return trimesh.Trimesh(vertices, surface.faces, process=False)


@pytest.fixture(scope="module")
def bell() -> GaussianCloud:
    """A ball without its lowest fifth, open towards the ground."""
    whole = shell(12_000)
    return whole.select(whole.means[:, 1] > -0.6)


def ball_above(y: float) -> float:
    """The volume of the unit ball above a height."""
    cap = 1 + y
    return 4 / 3 * np.pi - np.pi * cap**2 * (3 - cap) / 3


def test_a_bell_on_the_ground_is_solid(bell: GaussianCloud) -> None:
    mesh = mesh_of(bell)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(ball_above(-0.6), rel=0.1)


def test_a_bell_stays_hollow_if_its_bottom_is_open(bell: GaussianCloud) -> None:
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


def test_a_thin_sheet_keeps_both_sides() -> None:
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


def test_symmetric_shapes_give_symmetric_meshes() -> None:
    right = shell(6000)
    right.means[:, 1] *= 1.4
    keep = right.means[:, 0] >= 0
    half = right.select(keep)
    mirrored = replace(half, means=half.means * np.array([-1, 1, 1], np.float32))
    mirrored.quats[:, [2, 3]] *= -1  # mirroring reverses rotations about the other axes
    both = joined(half, mirrored)
    mesh = mesh_of(both, replace(COARSE, face_budget=2000))
    assert mesh.is_watertight
    plane = (mesh.bounds[0, 0] + mesh.bounds[1, 0]) / 2
    others = mesh.vertices * (-1, 1, 1) + (2 * plane, 0, 0)
    gaps = np.linalg.norm(mesh.vertices[:, None] - others[None], axis=2).min(axis=1)
    assert gaps.max() < 1e-5


def test_translucent_clouds_give_a_level_set_of_their_density(
    caplog: pytest.LogCaptureFixture,
) -> None:
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


def test_rooms_are_reconstructed_from_inside(caplog: pytest.LogCaptureFixture) -> None:
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
