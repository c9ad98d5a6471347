"""Vessels of files with other axes up: their mouths stay open, their meshes are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from splatsmith.contract.cloud import write_cloud
from splatsmith.contract.protocol import ExtractionOptions, ExtractRequest
from splatsmith.contract.up_axis import UpAxis
from splatsmith.progress import silent
from splatsmith.worker import pipeline
from tests.backend.extraction.flat_clouds import flat_gaussians

OPTIONS = ExtractionOptions(face_budget=4000, texture_size=0, resolution=80)
# Of coordinates with Y up to those of files.
TURNS = {
    UpAxis.Y: np.eye(3),
    UpAxis.MINUS_Y: np.diag([1, -1, -1]),
    UpAxis.Z: np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
}


def cup() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and outward normals [N, 3] of an open cup with walls; it stands with Y up."""
    random = np.random.default_rng(1)
    points, normals = [], []
    for radius, bottom, side, count in ((0.6, -1.0, 1, 6000), (0.5, -0.85, -1, 6000)):
        turn, height = random.uniform(0, 2 * np.pi, count), random.uniform(bottom, 1, count)
        out = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=1)
        points.append(radius * out + height[:, None] * (0, 1, 0))
        normals.append(side * out)
    for inner, outer, height, side in ((0, 0.6, -1, -1), (0, 0.5, -0.85, 1), (0.5, 0.6, 1, 1)):
        turn = random.uniform(0, 2 * np.pi, 1800)
        radius = np.sqrt(random.uniform(inner**2, outer**2, 1800))
        points.append(
            np.stack([radius * np.cos(turn), 0 * turn + height, radius * np.sin(turn)], axis=1)
        )
        normals.append(np.tile([0.0, side, 0.0], (1800, 1)))
    return np.concatenate(points), np.concatenate(normals)


def mesh_of_cup(
    folder: Path, lies: UpAxis, up: UpAxis, *, in_header: bool = False
) -> trimesh.Trimesh:
    """Extracted from a file in which the cup's mouth is towards `lies`, with `up` given."""
    points, normals = (array @ TURNS[lies].T for array in cup())
    source, out = folder / "cup.ply", folder / "out"
    write_cloud(source, flat_gaussians(points, normals, 0.03))
    if in_header:
        comment = f"\ncomment Vertical Axis: {up.value}\nelement vertex".encode()
        source.write_bytes(source.read_bytes().replace(b"\nelement vertex", comment, 1))
    out.mkdir()
    request = ExtractRequest("", extraction=OPTIONS, up=None if in_header else up)
    pipeline.extract(request, source, out, "cpu", silent())
    mesh = trimesh.load_mesh(out / "mesh.glb")
    mesh.merge_vertices(merge_norm=True)
    return mesh


@pytest.fixture(scope="module")
def upright(tmp_path_factory: pytest.TempPathFactory) -> trimesh.Trimesh:
    return mesh_of_cup(tmp_path_factory.mktemp("upright"), UpAxis.Y, UpAxis.Y)


def test_a_cup_is_hollow(upright: trimesh.Trimesh) -> None:
    assert upright.is_watertight
    assert upright.volume < 0.6 * np.pi * 0.6**2 * 2


@pytest.mark.parametrize(("up", "in_header"), [(UpAxis.MINUS_Y, False), (UpAxis.Z, True)])
def test_so_is_a_cup_of_any_axis_up(
    tmp_path: Path, upright: trimesh.Trimesh, up: UpAxis, in_header: bool
) -> None:
    mesh = mesh_of_cup(tmp_path, up, up, in_header=in_header)
    assert mesh.volume == pytest.approx(upright.volume, rel=0.03)
    assert mesh.bounds == pytest.approx(upright.bounds, abs=0.02)


def test_the_bottom_is_closed_below_the_given_axis(tmp_path: Path) -> None:
    mesh = mesh_of_cup(tmp_path, UpAxis.MINUS_Y, UpAxis.Y)
    assert mesh.volume > 0.9 * np.pi * 0.6**2 * 2
