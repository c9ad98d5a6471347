"""Finding the maps that moved points, among points that several moved."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.scene.affine_parts import Part, find_affine_parts, find_common_map

pytestmark = pytest.mark.once

COUNT = 3_000


def turn(seed: int) -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return rotation * np.sign(np.linalg.det(rotation))


def affine(seed: int) -> np.ndarray:
    """A turn with a stretch, every other one mirrored, and a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = turn(seed) @ np.diag([1.0, 2.0, -0.5 if seed % 2 else 0.5])
    matrix[:3, 3] = (seed, -1, 2)
    return matrix


def random_points(count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 3)).astype(np.float32)


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return (points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def scatter(points: np.ndarray, labels: np.ndarray, maps: list[np.ndarray]) -> np.ndarray:
    """`points` moved by the map of their label; those labelled -1 anywhere."""
    after = points + np.random.default_rng(2).normal(size=points.shape).astype(np.float32)
    for label, matrix in enumerate(maps):
        after[labels == label] = moved(points[labels == label], matrix)
    return after


def assert_found(parts: list[Part], labels: np.ndarray, maps: list[np.ndarray]) -> None:
    """That each part is the points of one label, with its map."""
    assert len(parts) == len(maps)
    assert sorted(len(part.rows) for part in parts) == sorted(np.bincount(labels[labels >= 0]))
    for part in parts:
        (label,) = set(labels[part.rows])
        np.testing.assert_allclose(part.matrix, maps[label], atol=1e-4)


def test_points_that_did_not_move_are_one_part_at_rest() -> None:
    (part,) = find_affine_parts(random_points(), random_points())
    assert len(part.rows) == COUNT
    assert not part.is_linear


def test_a_shift_is_no_linear_change() -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (1, 2, 3)
    (part,) = find_affine_parts(random_points(), moved(random_points(), matrix))
    assert not part.is_linear


@pytest.mark.parametrize("angle", [1e-4, 0.01, 3.0])
def test_a_turn_is_a_linear_change_however_small(angle: float) -> None:
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    (part,) = find_affine_parts(random_points(), moved(random_points(), matrix))
    assert part.is_linear
    np.testing.assert_allclose(part.matrix, matrix, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_one_map_is_found_to_the_precision_of_the_points(seed: int) -> None:
    (part,) = find_affine_parts(random_points(), moved(random_points(), affine(seed)))
    assert len(part.rows) == COUNT
    np.testing.assert_allclose(part.matrix, affine(seed), atol=1e-6)


LABELS = {
    "two in a row": np.arange(COUNT) // (COUNT // 2),
    "twelve in a row": np.arange(COUNT) // (COUNT // 12),
    "a small one in a row": np.arange(COUNT) // (COUNT - 60),
    "half selected": np.arange(COUNT) % 2,
    "four selections": np.random.default_rng(3).integers(0, 4, COUNT),
    "a few selected": (np.arange(COUNT) % 40 == 0).astype(int),
    "a third moved one by one": np.arange(COUNT) % 3 - 1,
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_every_part_is_found_with_its_map(labels: np.ndarray) -> None:
    maps = [affine(seed) for seed in range(labels.max() + 1)]
    after = scatter(random_points(), labels, maps)
    assert_found(find_affine_parts(random_points(), after), labels, maps)


def test_hundreds_of_realized_instances_are_hundreds_of_parts() -> None:
    labels = np.arange(200 * 50) // 50
    maps = [affine(seed) for seed in range(200)]
    points = random_points(len(labels))
    parts = find_affine_parts(points, scatter(points, labels, maps))
    assert len(parts) == 200
    assert sum(len(part.rows) for part in parts) == len(labels)
    for part in parts:
        (label,) = set(labels[part.rows])
        np.testing.assert_allclose(part.matrix, maps[label], atol=1e-3)


def test_points_moved_one_by_one_are_in_no_part() -> None:
    labels = np.full(COUNT, -1)
    assert find_affine_parts(random_points(), scatter(random_points(), labels, [])) == []


def test_a_flat_part_keeps_its_handedness_and_scale() -> None:
    points = random_points() * np.array([1, 1, 0], np.float32)
    matrix = np.eye(4)
    matrix[:3, :3] = 2 * turn(4)
    (part,) = find_affine_parts(points, moved(points, matrix))
    np.testing.assert_allclose(part.matrix, matrix, atol=1e-5)


@pytest.mark.parametrize("count", range(5))
def test_too_few_points_tell_no_turn(count: int) -> None:
    parts = find_affine_parts(random_points(count), moved(random_points(count), affine(1)))
    assert not any(part.is_linear for part in parts)


def test_a_line_tells_no_turn() -> None:
    points = random_points() * np.array([1, 0, 0], np.float32)
    parts = find_affine_parts(points, moved(points, affine(2)))
    assert not any(part.is_linear for part in parts)


def test_values_that_are_not_numbers_are_in_no_part() -> None:
    after = moved(random_points(), affine(1))
    after[5], after[6, 1] = np.nan, np.inf
    (part,) = find_affine_parts(random_points(), after)
    assert len(part.rows) == COUNT - 2


@pytest.mark.parametrize(("distance", "precision"), [(100, 1e-5), (10_000, 1e-3)])
def test_far_from_the_origin_maps_are_as_precise_as_the_points(
    distance: int, precision: float
) -> None:
    points = random_points() + np.float32(distance)
    (part,) = find_affine_parts(points, moved(points, affine(1)))
    assert part.is_linear
    np.testing.assert_allclose(part.matrix[:3, :3], affine(1)[:3, :3], atol=precision)


def test_points_too_coarse_to_tell_a_turn_are_not_turned() -> None:
    points = random_points() + np.float32(1e7)
    assert not any(part.is_linear for part in find_affine_parts(points, moved(points, affine(1))))


def test_values_that_are_not_numbers_alone_have_no_parts() -> None:
    nothing = np.full((20, 3), np.nan, np.float32)
    assert find_affine_parts(random_points(20), nothing) == []
    assert find_common_map(random_points(20), nothing) is None
    assert find_common_map(random_points(0), random_points(0)) is None


def test_no_points_have_no_parts() -> None:
    assert find_affine_parts(random_points(0), random_points(0)) == []
