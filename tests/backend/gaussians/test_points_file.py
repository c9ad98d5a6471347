"""PLY files of coloured points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plyfile
import pytest

from splatsmith.contract.cloud import write_cloud
from splatsmith.contract.points import PointCloud, read_points, write_points
from splatsmith.contract.problems import UnreadableCloud

from .clouds import random_cloud


def random_points() -> PointCloud:
    random = np.random.default_rng(0)
    normals = random.normal(size=(100, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return PointCloud(
        random.normal(size=(100, 3)).astype(np.float32),
        random.integers(0, 256, (100, 3)).astype(np.uint8),
        normals.astype(np.float32),
    )


def test_written_points_read_back(tmp_path: Path) -> None:
    points = random_points()
    write_points(tmp_path / "points.ply", points)
    again = read_points(tmp_path / "points.ply")
    for name in ("positions", "colors", "normals"):
        np.testing.assert_array_equal(getattr(again, name), getattr(points, name))


def test_plyfile_reads_written_points(tmp_path: Path) -> None:
    points = random_points()
    write_points(tmp_path / "points.ply", points)
    vertices = plyfile.PlyData.read(str(tmp_path / "points.ply"))["vertex"]
    np.testing.assert_array_equal(vertices["y"], points.positions[:, 1])
    np.testing.assert_array_equal(vertices["blue"], points.colors[:, 2])


def test_a_splat_file_is_refused(tmp_path: Path) -> None:
    write_cloud(tmp_path / "splats.ply", random_cloud(3))
    with pytest.raises(UnreadableCloud, match="holds Gaussian splats"):
        read_points(tmp_path / "splats.ply")
