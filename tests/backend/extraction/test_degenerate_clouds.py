"""Degenerate clouds from file to files: a correct result or a clear error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import trimesh

from splatsmith.contract.cloud import GaussianCloud, write_cloud
from splatsmith.contract.points import PointCloud, read_points
from splatsmith.contract.problems import InvalidRequest, SplatsmithError, UnreadableCloud
from splatsmith.contract.protocol import ExtractionOptions, ExtractRequest, Product
from splatsmith.errors import Cancelled, OutOfMemory, StorageFull, to_user_error
from splatsmith.progress import Progress, silent
from splatsmith.worker import pipeline
from tests.backend.gaussians.clouds import random_cloud, shell

BOTH = (Product.MESH, Product.POINTS)
QUICK = ExtractionOptions(resolution=64, face_budget=400, texture_size=0, point_count=300)
TEXTURED = replace(QUICK, texture_size=512)


def extract(
    cloud: GaussianCloud,
    folder: Path,
    options: ExtractionOptions = QUICK,
    progress: Progress | None = None,
) -> tuple[trimesh.Trimesh, PointCloud]:
    """The mesh and the points of `cloud`, from a file to files."""
    source, out = folder / "cloud.ply", folder / "out"
    write_cloud(source, cloud)
    out.mkdir()
    request = ExtractRequest("given", BOTH, options)
    pipeline.extract(request, source, out, "cpu", progress or silent())
    mesh = trimesh.load_mesh(out / "mesh.glb")
    points = read_points(out / "points.ply")
    assert len(points) == options.point_count
    assert 0 < len(mesh.faces) <= options.face_budget
    assert np.isfinite(mesh.vertices).all()
    return mesh, points


def assert_is_ball(
    result: tuple[trimesh.Trimesh, PointCloud],
    radius: float = 1.0,
    center: float = 0.0,
    tolerance: float = 0.1,
) -> None:
    mesh, points = result
    assert mesh.extents == pytest.approx([2 * radius] * 3, rel=tolerance)
    assert mesh.bounds.mean(axis=0) == pytest.approx([center] * 3, abs=tolerance * radius)
    radii = np.linalg.norm(points.positions - np.float64(center), axis=1) / radius
    assert np.abs(radii - 1).max() < tolerance


def with_value(name: str, value: float, every: int = 100) -> GaussianCloud:
    cloud = shell(2000)
    getattr(cloud, name)[::every] = value
    return cloud


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["means", "quats", "scales", "sh0"])
def test_a_few_invalid_gaussians_are_dropped(tmp_path: Path, name: str, value: float) -> None:
    assert_is_ball(extract(with_value(name, value), tmp_path))
    record = json.loads((tmp_path / "out" / "job.json").read_text("utf-8"))
    assert "Left out for values that are not numbers: 20 of 2,000 Gaussians." in record["notes"]


def test_a_few_huge_gaussians_are_dropped(tmp_path: Path) -> None:
    assert_is_ball(extract(with_value("scales", 1000.0), tmp_path))


def test_far_outliers_are_dropped(tmp_path: Path) -> None:
    assert_is_ball(extract(with_value("means", 2000.0), tmp_path))


@pytest.mark.parametrize("value", [1e15, 1e-30, 0.0])
def test_quaternions_of_any_length_are_accepted(tmp_path: Path, value: float) -> None:
    cloud = shell(6000)
    cloud.scales[:] = 0.03  # round: rotation does not matter
    cloud.quats[:] *= np.float32(value)
    assert_is_ball(extract(cloud, tmp_path))


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e4])
def test_objects_of_any_size_keep_their_shape(tmp_path: Path, size: float) -> None:
    assert_is_ball(extract(shell(2000, size), tmp_path), size)


def test_an_object_far_from_the_origin_keeps_its_shape(tmp_path: Path) -> None:
    cloud = shell(4000, 100)
    cloud.means[:] += 1e6
    assert_is_ball(extract(cloud, tmp_path), 100, 1e6)


def in_one_place() -> GaussianCloud:
    cloud = random_cloud(50, size=0.3)
    cloud.means[:] = (3, 4, 5)
    return cloud


def on_a_plane() -> GaussianCloud:
    cloud = shell(2000)
    cloud.means[:] = np.random.default_rng(0).uniform(-1, 1, (2000, 3))
    cloud.means[:, 1] = 0
    cloud.quats[:] = np.sqrt(0.5) * np.array([1, 1, 0, 0], np.float32)
    return cloud


def on_a_line() -> GaussianCloud:
    cloud = replace(random_cloud(200, size=0.05), opacities=np.full(200, 0.9, np.float32))
    cloud.means[:] = np.linspace([-1, 0, 0], [1, 0, 0], 200)
    return cloud


def one() -> GaussianCloud:
    return replace(random_cloud(1, size=0.5), opacities=np.ones(1, np.float32))


def two_apart() -> GaussianCloud:
    cloud = replace(random_cloud(2, size=0.5), opacities=np.ones(2, np.float32))
    cloud.means[:] = ((-5, 0, 0), (5, 0, 0))
    return cloud


@pytest.mark.parametrize("make", [in_one_place, on_a_plane, on_a_line, one, two_apart])
def test_shapes_without_volume_have_a_mesh_and_points(
    tmp_path: Path, make: Callable[[], GaussianCloud]
) -> None:
    cloud = make()
    body = 3 * cloud.scales.max()
    mesh, points = extract(cloud, tmp_path)
    for positions in (mesh.vertices, points.positions):
        assert (positions >= cloud.means.min(axis=0) - body).all()
        assert (positions <= cloud.means.max(axis=0) + body).all()
    extent = np.ptp(cloud.means, axis=0) - body
    assert (mesh.extents >= extent).all()
    assert (np.ptp(points.positions, axis=0) >= extent).all()


def of_no_size() -> GaussianCloud:
    return replace(shell(500), scales=np.zeros((500, 3), np.float32))


def far_apart() -> GaussianCloud:
    cloud = two_apart()
    cloud.means[:] *= 1000
    return cloud


@pytest.mark.parametrize("make", [of_no_size, far_apart])
def test_degenerate_sizes_have_points_or_are_refused(
    tmp_path: Path, make: Callable[[], GaussianCloud]
) -> None:
    try:
        extract(make(), tmp_path)
    except InvalidRequest as refusal:
        assert "No surface was found" in refusal.detail
        assert refusal.remedy


@pytest.mark.parametrize(
    ("cloud", "kind", "words"),
    [
        (random_cloud(0), InvalidRequest, "no Gaussians"),
        (shell(100, opacity=0.01), InvalidRequest, "transparent"),
        (with_value("means", np.nan, 1), UnreadableCloud, "2,000 of its 2,000 Gaussians"),
        (with_value("sh0", np.inf, 5), UnreadableCloud, "400 of its 2,000 Gaussians"),
    ],
    ids=["empty", "transparent", "nan", "inf"],
)
def test_invisible_and_invalid_clouds_are_refused(
    tmp_path: Path, cloud: GaussianCloud, kind: type[SplatsmithError], words: str
) -> None:
    with pytest.raises(kind, match=words) as raised:
        extract(cloud, tmp_path)
    assert raised.value.remedy
    assert not list((tmp_path / "out").glob("[mp]*"))


@pytest.mark.parametrize("texture_size", [0, 512])
def test_the_smallest_face_budget_is_kept(tmp_path: Path, texture_size: int) -> None:
    options = replace(QUICK, face_budget=4, texture_size=texture_size)
    mesh, _ = extract(shell(2000), tmp_path, options)
    assert mesh.extents.max() > 0.5


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("face_budget", 3, "between 4 and"),
        ("texture_size", 16384, "512, 1024, 2048, 4096, 8192"),
        ("resolution", 1024, "between 32 and 512"),
        ("point_count", 0, "between 1 and"),
    ],
)
def test_options_out_of_range_are_refused(name: str, value: int, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        ExtractionOptions(**{name: value})  # pyright: ignore[reportArgumentType]


def stages_of(cloud: GaussianCloud, folder: Path) -> list[str]:
    """The stage of every step, in order."""
    stages: list[str] = []
    progress = Progress(lambda done, stage: stages.append(stage), lambda: False)
    extract(cloud, folder, TEXTURED, progress)
    return stages


def ends_of_stages(stages: list[str]) -> list[int]:
    """The first and the last step of each stage, and the one in the middle."""
    changes = [i for i in range(1, len(stages)) if stages[i] != stages[i - 1]]
    starts, ends = [0, *changes], [*changes, len(stages)]
    found = zip(starts, ends, strict=True)
    return sorted({i for a, b in found for i in (a, (a + b) // 2, b - 1)})


def test_cancelling_stops_at_the_next_step_of_every_stage(tmp_path: Path) -> None:
    cloud = shell(1000)
    (tmp_path / "whole").mkdir()
    stages = stages_of(cloud, tmp_path / "whole")
    for last in ends_of_stages(stages):
        folder = tmp_path / f"until {last}"
        folder.mkdir()
        reported: list[str] = []
        progress = Progress(
            lambda done, stage, reported=reported: reported.append(stage),
            lambda reported=reported, last=last: len(reported) == last,
        )
        with pytest.raises(Cancelled):
            extract(cloud, folder, TEXTURED, progress)
        assert reported == stages[:last]
        assert not [path for path in (folder / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps this limit")
def test_too_many_points_for_the_memory_are_a_clear_error(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + 500_000_000, hard))
    try:
        with pytest.raises((MemoryError, OutOfMemory)) as raised:
            extract(shell(200), tmp_path, replace(QUICK, point_count=20_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert isinstance(to_user_error(raised.value), OutOfMemory)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_full_disk_leaves_no_partial_files(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(OSError, match="written|large") as raised:
            extract(shell(2000), tmp_path, replace(QUICK, point_count=50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(to_user_error(raised.value), StorageFull)
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"splats.ply"}
