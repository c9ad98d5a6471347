"""Surfaces of scenes are what their camera path sees."""

from __future__ import annotations

import numpy as np

from splatsmith.contract.camera_path import CameraPath
from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.contract.points import PointCloud
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.progress import silent
from splatsmith.representations.gaussian_scene import GaussianScene

WALL, SIDE = -3.0, 2.0  # z of a wall, and its half extent


def wall() -> GaussianCloud:
    """A flat wall before a camera at the origin that looks along -Z, red left and green right."""
    x, y = np.meshgrid(*[np.linspace(-SIDE, SIDE, 81)] * 2)
    count = x.size
    colors = np.zeros((count, 3))
    colors[:, 0], colors[:, 1] = x.ravel() < 0, x.ravel() >= 0
    return GaussianCloud(
        means=np.stack([x.ravel(), y.ravel(), np.full(count, WALL)], 1).astype(np.float32),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.tile(np.array([0.04, 0.04, 0.002], np.float32), (count, 1)),
        opacities=np.full(count, 0.95, np.float32),
        sh0=((colors - 0.5) / SH_C0).astype(np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )


def path() -> CameraPath:
    """One unit to the right."""
    first = np.diag([1.0, -1, -1, 1])
    last = first.copy()
    last[0, 3] = 1
    return CameraPath(60.0, (tuple(first.flat), tuple(last.flat)))


def test_a_wall_becomes_a_single_sheet_that_faces_the_camera() -> None:
    scene = GaussianScene(wall(), path())
    mesh = extract_mesh(scene, ExtractionOptions(face_budget=2_000), silent(), "cpu")
    assert np.abs(mesh.vertices[:, 2] - WALL).max() < 0.1
    is_facing = mesh.face_normals[:, 2] > 0.5  # all but a rim that curls
    assert mesh.area_faces[is_facing].sum() > 0.97 * mesh.area
    assert not mesh.is_watertight
    # What the path's cameras see of it: nothing is made up beyond.
    assert mesh.vertices[:, 0].min() > -SIDE
    assert mesh.area > 3 * (2 * np.tan(np.radians(30)) * -WALL)


def test_normals_of_points_are_turned_towards_the_path() -> None:
    count = 50
    positions = np.random.default_rng(0).uniform(-1, 1, (count, 3)).astype(np.float32)
    positions[:, 2] = WALL
    normals = np.zeros_like(positions)
    normals[:, 2] = np.where(np.arange(count) % 2, 1, -1)
    colors = np.zeros((count, 3), np.uint8)
    corrected = GaussianScene(wall(), path()).correct_normals(
        PointCloud(positions, colors, normals)
    )
    assert (corrected.normals[:, 2] > 0.9).all()
