"""Meshes of clouds whose surface is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from trimesh.visual import ColorVisuals

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.errors import Cancelled
from splatsmith.extraction.gaussian_source import GaussianSurfaceSource
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.progress import Progress, silent
from tests.backend.gaussians.clouds import joined, random_cloud, shell

CENTER = np.array([10, -3, 2], np.float32)
RADIUS = 4.0


def mesh_of(cloud: GaussianCloud, faces: int = 5000) -> trimesh.Trimesh:
    options = ExtractionOptions(face_budget=faces, texture_size=0)
    return extract_mesh(GaussianSurfaceSource(cloud), options, silent(), "cpu")


def welded(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Without the splits at sharp edges."""
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)


@pytest.fixture(scope="module")
def ball() -> GaussianCloud:
    cloud = shell(8000, RADIUS)
    cloud.means[:] += CENTER
    return cloud


@pytest.fixture(scope="module")
def mesh(ball: GaussianCloud) -> trimesh.Trimesh:
    return mesh_of(ball)


def test_the_mesh_lies_on_the_surface(mesh: trimesh.Trimesh) -> None:
    radii = np.linalg.norm(mesh.vertices - CENTER, axis=1) / RADIUS
    assert abs(radii.mean() - 1) < 0.02
    assert radii.min() > 0.95
    assert radii.max() < 1.05


def test_the_mesh_is_one_closed_body_facing_outwards(mesh: trimesh.Trimesh) -> None:
    mesh = welded(mesh)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.06)


def test_the_face_budget_is_kept(mesh: trimesh.Trimesh, ball: GaussianCloud) -> None:
    assert 4000 < len(mesh.faces) <= 5000
    assert len(mesh_of(ball, 300).faces) <= 300


def test_vertices_have_the_colour_of_their_position(mesh: trimesh.Trimesh) -> None:
    outwards = (mesh.vertices - CENTER) / np.linalg.norm(
        mesh.vertices - CENTER, axis=1, keepdims=True
    )
    assert isinstance(mesh.visual, ColorVisuals)
    errors = np.abs(mesh.visual.vertex_colors[:, :3] / 255 - (0.5 + 0.4 * outwards))
    assert errors.mean() < 0.02
    assert errors.max() < 0.1


def test_small_components_and_outliers_are_dropped(ball: GaussianCloud) -> None:
    outlier = shell(30, 0.15, seed=1)
    outlier.means[:] += CENTER + np.array([0, 1.5 * RADIUS, 0], np.float32)
    assert welded(mesh_of(joined(ball, outlier))).body_count == 1


def test_two_bodies_stay_two() -> None:
    left, right = shell(4000), shell(4000, seed=1)
    right.means[:, 0] += 3
    mesh = welded(mesh_of(joined(left, right)))
    assert mesh.body_count == 2
    assert mesh.is_watertight


def test_the_same_cloud_gives_the_same_mesh(ball: GaussianCloud) -> None:
    np.testing.assert_array_equal(mesh_of(ball, 500).vertices, mesh_of(ball, 500).vertices)


def with_mean(value: float) -> GaussianCloud:
    cloud = shell(100)
    cloud.means[3, 1] = value
    return cloud


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        (random_cloud(0), "no Gaussians"),
        (replace(shell(100), opacities=np.full(100, 0.01, np.float32)), "transparent"),
        (with_mean(np.nan), "not finite"),
        (with_mean(np.inf), "not finite"),
    ],
    ids=["empty", "transparent", "nan", "inf"],
)
def test_invisible_and_invalid_clouds_are_refused(cloud: GaussianCloud, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as raised:
        mesh_of(cloud)
    assert raised.value.remedy


def test_a_single_gaussian_gives_its_ellipsoid() -> None:
    cloud = replace(random_cloud(1, size=0.5), opacities=np.ones(1, np.float32))
    mesh = mesh_of(cloud)
    assert cloud.scales.max() < mesh.extents.max() < 6 * cloud.scales.max()


@pytest.mark.parametrize("size", [1e-4, 1e5])
def test_sizes_of_any_order_of_magnitude(size: float) -> None:
    mesh = mesh_of(shell(2000, size), 1000)
    assert mesh.extents == pytest.approx([2 * size] * 3, rel=0.1)


@pytest.mark.parametrize("after", [0, 5, 31, 33, 45, 65])
def test_cancellation_stops_in_every_stage(ball: GaussianCloud, after: int) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: len(steps) > after)
    with pytest.raises(Cancelled):
        extract_mesh(GaussianSurfaceSource(ball), ExtractionOptions(), progress, "cpu")
    assert len(steps) == after + 1


def test_progress_rises_to_the_end(ball: GaussianCloud) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: False)
    extract_mesh(GaussianSurfaceSource(ball), ExtractionOptions(face_budget=500), progress, "cpu")
    assert steps == sorted(steps)
    assert steps[-1] == 1
