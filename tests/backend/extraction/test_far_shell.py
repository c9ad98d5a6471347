"""The subject of a capture, told from the sky around it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud, write_cloud
from splatsmith.contract.points import read_points
from splatsmith.contract.protocol import Crop, ExtractionOptions, ExtractRequest, Product
from splatsmith.extraction.far_shell import find_far_shell
from splatsmith.progress import silent
from splatsmith.worker import pipeline
from tests.backend.extraction.flat_clouds import flat_gaussians
from tests.backend.gaussians.clouds import joined, shell

SUBJECT = shell(3000)


def dome(radius: float, count: int, half: bool = False, growth: float = 1.0) -> GaussianCloud:
    """A sphere or hemisphere; `growth` is the size of its Gaussians, 1 where they just cover it."""
    random = np.random.default_rng(1)
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if half:
        directions[:, 1] = np.abs(directions[:, 1])
    size = growth * radius * np.sqrt(4 * np.pi / count)
    return flat_gaussians(radius * directions, directions, size)


def floor(reach: float, count: int = 5000) -> GaussianCloud:
    points = np.random.default_rng(2).uniform(-reach, reach, (count, 3))
    points[:, 1] = -1
    size = 2 * reach / count**0.5
    return flat_gaussians(points, np.tile([0.0, 1.0, 0.0], (count, 1)), size)


def room(half: tuple[float, float, float], count: int, growth: float = 1.0) -> GaussianCloud:
    """The six walls of a box around the origin."""
    random = np.random.default_rng(3)
    points = random.uniform(-1, 1, (count, 3))
    axes, sides = random.integers(0, 3, count), random.choice([-1.0, 1.0], count)
    normals = np.eye(3)[axes] * -sides[:, None]
    points[np.arange(count), axes] = sides
    size = growth * max(half) * np.sqrt(24 / count)
    return flat_gaussians(points * half, normals, size)


def moved(cloud: GaussianCloud, by: tuple[float, float, float]) -> GaussianCloud:
    moved = cloud.select(np.arange(len(cloud)))
    moved.means[:] += np.array(by, np.float32)
    return moved


def kept(cloud: GaussianCloud) -> NDArray[np.bool_]:
    found = find_far_shell(cloud)
    return np.ones(len(cloud), np.bool_) if found is None else found.subject


@pytest.mark.parametrize("half", [False, True], ids=["sphere", "hemisphere"])
@pytest.mark.parametrize("count", [200, 1200, 20_000])
@pytest.mark.parametrize("radius", [5, 12, 60, 500])
def test_a_dome_is_left_out_and_the_subject_stays(radius: float, count: int, half: bool) -> None:
    cloud = joined(SUBJECT, dome(radius, count, half))
    found = find_far_shell(cloud)
    assert found is not None
    assert found.left_out == count
    assert found.subject[: len(SUBJECT)].all()
    assert f"{count:,} of" in found.note


@pytest.mark.parametrize("growth", [0.5, 4])
@pytest.mark.parametrize("place", [(0, 0, 0), (0.8, -1.5, 1)], ids=["centred", "beside"])
def test_so_is_a_dome_of_small_or_big_gaussians(
    growth: float, place: tuple[float, float, float]
) -> None:
    cloud = joined(moved(SUBJECT, place), dome(9, 3000, growth=growth))
    assert kept(cloud).tolist() == [True] * len(SUBJECT) + [False] * 3000


@pytest.mark.parametrize("radius", [8, 20, 100])
def test_a_floor_up_to_the_dome_is_cut_around_the_subject(radius: float) -> None:
    cloud = joined(joined(SUBJECT, floor(radius)), dome(radius, 1200, half=True))
    subject = kept(cloud)
    assert subject[: len(SUBJECT)].all()
    assert not subject[-1200:].any()
    assert np.linalg.norm(cloud.means[subject], axis=1).max() < 6


def test_a_far_background_of_any_form_is_left_out() -> None:
    background = dome(40, 400)
    background.means[:] *= np.random.default_rng(0).uniform(0.6, 2, (400, 1)).astype(np.float32)
    assert kept(joined(SUBJECT, background)).sum() == len(SUBJECT)


def test_objects_without_a_shell_stay_whole() -> None:
    assert find_far_shell(SUBJECT) is None
    for reach in (3, 5, 30):
        assert find_far_shell(joined(SUBJECT, floor(reach))) is None


@pytest.mark.parametrize("growth", [1, 2])
@pytest.mark.parametrize("count", [1500, 12_000])
@pytest.mark.parametrize("half", [(5, 5, 5), (7, 4, 5), (12, 3, 9)], ids=str)
def test_the_walls_of_a_room_stay(
    half: tuple[float, float, float], count: int, growth: float
) -> None:
    walls = room(half, count, growth)
    for place in ((0, 0, 0), (1.5, 1.1 - half[1], -1)):
        assert find_far_shell(joined(moved(SUBJECT, place), walls)) is None


def test_objects_far_apart_are_all_kept() -> None:
    cloud = SUBJECT
    for seed, place in enumerate(((9, 0, 0), (-5, 0, 9), (0, 0, -12), (4, 20, 3))):
        cloud = joined(cloud, moved(shell(3000, seed=seed), place))
        assert find_far_shell(cloud) is None
    with_sky = joined(cloud, dome(200, 2000))
    assert kept(with_sky).tolist() == [True] * len(cloud) + [False] * 2000


def test_floaters_far_away_are_no_shell() -> None:
    assert find_far_shell(joined(SUBJECT, shell(20, 200.0))) is None


def test_a_ball_within_a_ball_is_no_subject() -> None:
    assert find_far_shell(joined(shell(8000), shell(2000, 0.4))) is None


@pytest.mark.parametrize("crop", Crop)
def test_what_is_extracted_without_the_sky(tmp_path: Path, crop: Crop) -> None:
    write_cloud(tmp_path / "capture.ply", joined(SUBJECT, dome(60, 1200)))
    options = ExtractionOptions(400, texture_size=0, resolution=64, point_count=300, crop=crop)
    products = (Product.MESH, Product.POINTS)
    out = tmp_path / "out"
    out.mkdir()
    notes = pipeline.extract(
        ExtractRequest("", products, options), tmp_path / "capture.ply", out, "cpu", silent()
    )
    mesh, points = trimesh.load_mesh(out / "mesh.glb"), read_points(out / "points.ply")
    assert (np.abs(mesh.vertices).max() < 2) == (crop is not Crop.NONE)
    assert (np.abs(points.positions).max() < 2) == (crop is Crop.ALL)
    assert any("1,200 of 4,200" in note for note in notes) == (crop is not Crop.NONE)
    assert json.loads((out / "job.json").read_text(encoding="utf-8"))["notes"] == list(notes)


@pytest.mark.parametrize("count", [0, 1, 50])
def test_tiny_clouds_have_no_shell(count: int) -> None:
    assert find_far_shell(SUBJECT.select(np.arange(count))) is None
