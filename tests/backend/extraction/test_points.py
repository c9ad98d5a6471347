"""Points of clouds whose surface is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.contract.points import PointCloud
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.errors import Cancelled
from splatsmith.extraction.points import extract_points
from splatsmith.progress import Progress, silent
from tests.backend.gaussians.clouds import joined, random_cloud, shell

CENTER = np.array([10, -3, 2], np.float32)
RADIUS = 4.0


def points_of(cloud: GaussianCloud, count: int = 2000) -> PointCloud:
    return extract_points(cloud, ExtractionOptions(point_count=count), silent(), "cpu")


def evenness(positions: NDArray[np.floating], area: float) -> float:
    """Mean distance to the nearest other point, in that of a hexagonal lattice."""
    nearest = KDTree(positions).query(positions, k=2)[0][:, 1]
    return nearest.mean() / np.sqrt(2 / np.sqrt(3) * area / len(positions))


@pytest.fixture(scope="module")
def ball() -> GaussianCloud:
    cloud = shell(8000, RADIUS)
    cloud.means[:] += CENTER
    return cloud


def test_points_lie_on_the_surface_with_outward_normals(ball: GaussianCloud) -> None:
    points = points_of(ball, 3000)
    outwards = points.positions - CENTER
    radii = np.linalg.norm(outwards, axis=1, keepdims=True)
    assert np.abs(radii / RADIUS - 1).max() < 0.01
    assert np.einsum("ij,ij->i", points.normals, outwards / radii).min() > 0.95
    np.testing.assert_allclose(np.linalg.norm(points.normals, axis=1), 1, atol=1e-5)
    errors = np.abs(points.colors / 255 - (0.5 + 0.4 * outwards / radii))
    assert errors.max() < 0.05


@pytest.mark.parametrize("count", [1, 2, 7, 999, 40_000])
def test_the_point_count_is_exact(ball: GaussianCloud, count: int) -> None:
    points = points_of(ball, count)
    assert len(points) == count
    assert len(np.unique(points.positions, axis=0)) == count


@pytest.mark.parametrize("count", [500, 20_000])
def test_points_are_evenly_distributed(ball: GaussianCloud, count: int) -> None:
    random = np.random.default_rng(0).normal(size=(count, 3))
    random *= RADIUS / np.linalg.norm(random, axis=1, keepdims=True)
    area = 4 * np.pi * RADIUS**2
    assert evenness(random, area) < 0.5
    assert evenness(points_of(ball, count).positions, area) > 0.73


def test_the_density_of_gaussians_does_not_matter(ball: GaussianCloud) -> None:
    crowd = shell(16_000, RADIUS, seed=1)
    crowd.means[:] += CENTER
    upper = crowd.select(crowd.means[:, 1] > CENTER[1])
    points = points_of(joined(ball, upper), 4000)
    assert (points.positions[:, 1] > CENTER[1]).mean() == pytest.approx(0.5, abs=0.05)


def test_points_are_distributed_by_area(ball: GaussianCloud) -> None:
    small = shell(8000, RADIUS / 2, seed=1)
    small.means[:] += CENTER + np.array([2 * RADIUS, 0, 0], np.float32)
    points = points_of(joined(ball, small), 10_000)
    share = (points.positions[:, 0] > CENTER[0] + 1.25 * RADIUS).mean()
    assert share == pytest.approx(1 / 5, abs=0.02)


def test_hidden_interiors_give_no_points(ball: GaussianCloud) -> None:
    core = shell(4000, RADIUS / 2, seed=1)
    core.means[:] += CENTER
    points = points_of(joined(ball, core))
    assert np.linalg.norm(points.positions - CENTER, axis=1).min() > 0.9 * RADIUS


def test_rooms_have_points_on_the_objects_inside() -> None:
    room = shell(4000)
    for x in (-0.5, 0.5):
        thing = shell(6000, 0.15)
        thing.means[:, 0] += x
        room = joined(room, thing)
    points = points_of(room, 4000)
    radii = np.linalg.norm(points.positions, axis=1)
    walls = radii > 0.9
    assert walls.mean() == pytest.approx(1 / 1.045, abs=0.05)
    outwards = np.einsum("ij,ij->i", points.normals, points.positions / radii[:, None])
    assert (outwards[walls] < -0.9).mean() > 0.99
    middles = np.sign(points.positions[~walls]) * np.array([0.5, 0, 0])
    from_middle = points.positions[~walls] - middles
    assert (np.einsum("ij,ij->i", points.normals[~walls], from_middle) > 0).mean() > 0.95


def test_faint_haze_gives_no_points(ball: GaussianCloud) -> None:
    haze = shell(2000, 1.2 * RADIUS, opacity=0.05, seed=1)
    haze.means[:] += CENTER
    points = points_of(joined(ball, haze))
    assert np.linalg.norm(points.positions - CENTER, axis=1).max() < 1.1 * RADIUS


def wall(height: float) -> GaussianCloud:
    """A square of 2 x 2 at a height, of flat Gaussians with random sign of the normal."""
    random = np.random.default_rng(round(1000 * height))
    count = 4000
    cloud = shell(count)
    across = random.uniform(-1, 1, (count, 2))
    cloud.means[:] = np.stack([across[:, 0], np.full(count, height), across[:, 1]], axis=1)
    half = np.sqrt(0.5) * random.choice([-1, 1], count)
    cloud.quats[:] = np.stack([np.abs(half), half, 0 * half, 0 * half], axis=1)
    cloud.scales[:] = np.array([0.03, 0.03, 0.001], np.float32)
    return cloud


def test_both_sides_of_a_thin_wall_have_outward_normals() -> None:
    points = points_of(joined(wall(0.0), wall(0.04)), 4000)
    above = points.positions[:, 1] > 0.02
    assert above.mean() == pytest.approx(0.5, abs=0.05)
    inner = np.abs(points.positions[:, ::2]).max(axis=1) < 0.9
    assert (points.normals[above & inner, 1] > 0.9).mean() > 0.99
    assert (points.normals[~above & inner, 1] < -0.9).mean() > 0.99
    assert evenness(points.positions[above & inner], 1.8**2) > 0.7


def test_intersecting_surfaces_give_points_outside_only() -> None:
    positions = points_of(joined(shell(4000, 0.7), wall(0.0)), 3000).positions
    assert np.linalg.norm(positions, axis=1).min() > 0.55


def test_colours_are_those_seen_from_outside() -> None:
    tinted = shell(3000)
    outwards = tinted.means / np.linalg.norm(tinted.means, axis=1, keepdims=True)
    harmonics = np.zeros((3000, 3, 3), np.float32)
    # Linear in the viewing direction, by the constants of degree 1 with their signs.
    harmonics[:, :, 0] = (0.3 / 0.4886025) * (outwards[:, [1, 2, 0]] * (-1, 1, -1))
    cloud = replace(tinted, sh0=np.zeros((3000, 3), np.float32), shN=harmonics)
    assert np.abs(0.5 + SH_C0 * cloud.sh0).max() == 0.5
    colors = points_of(cloud).colors / 255
    assert np.abs(colors - (0.2, 0.5, 0.5)).max() < 0.03


def test_colours_are_those_of_the_nearer_layer() -> None:
    white, black = shell(3000), shell(3000, 0.985, seed=1)
    white.sh0[:], black.sh0[:] = 0.5 / SH_C0, -0.5 / SH_C0
    assert points_of(joined(white, black)).colors.mean() > 235


def test_the_same_cloud_gives_the_same_points(ball: GaussianCloud) -> None:
    first, second = points_of(ball, 500), points_of(ball, 500)
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.colors, second.colors)


@pytest.mark.parametrize("size", [1e-4, 1e5])
def test_objects_of_any_size_are_sampled_evenly(size: float) -> None:
    points = points_of(shell(2000, size), 1000)
    assert evenness(points.positions, 4 * np.pi * size**2) > 0.7


def test_a_single_gaussian_has_points_on_its_ellipsoid() -> None:
    cloud = replace(random_cloud(1, size=0.5), opacities=np.ones(1, np.float32))
    points = points_of(cloud, 100)
    distances = np.linalg.norm(points.positions - cloud.means[0], axis=1)
    assert cloud.scales.min() < distances.max() <= 1.2 * cloud.scales.max()


def test_round_gaussians_have_points_on_their_outside() -> None:
    cloud = shell(3000)
    cloud.scales[:] = cloud.scales[0, 0]
    points = points_of(cloud)
    radii = np.linalg.norm(points.positions, axis=1)
    height = (radii.mean() - 1) / cloud.scales[0, 0]
    assert 0.75 < height < 0.95  # of 1.08 at the peaks, where a Gaussian of opacity 0.9 is half
    cosines = np.einsum("ij,ij->i", points.normals, points.positions / radii[:, None])
    assert cosines.mean() > 0.95


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        (random_cloud(0), "no Gaussians"),
        (replace(shell(100), opacities=np.full(100, 0.01, np.float32)), "transparent"),
        (replace(shell(100), means=np.full((100, 3), np.nan, np.float32)), "not finite"),
    ],
    ids=["empty", "transparent", "nan"],
)
def test_invisible_and_invalid_clouds_are_refused(cloud: GaussianCloud, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as raised:
        points_of(cloud)
    assert raised.value.remedy


def test_progress_rises_to_the_end(ball: GaussianCloud) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: False)
    extract_points(ball, ExtractionOptions(point_count=300), progress, "cpu")
    assert steps == sorted(steps)
    assert steps[-1] == 1


@pytest.mark.parametrize("after", [0, 1, 16, 17, 19, 20, 25])
def test_cancellation_stops_in_every_stage(ball: GaussianCloud, after: int) -> None:
    steps: list[float] = []
    progress = Progress(lambda done, stage: steps.append(done), lambda: len(steps) >= after)
    with pytest.raises(Cancelled):
        extract_points(ball, ExtractionOptions(point_count=300), progress, "cpu")
    assert len(steps) == after
