"""Floaters by opacity, size and distance, and the limit of splats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.problems import InvalidRequest
from blender_addon.scene.data_users import NotEditable
from blender_addon.scene.neighbor_distances import NeighborSearch, far_from_others
from blender_addon.scene.point_data import PointAttribute, read_attributes, write_attribute
from blender_addon.scene.splat_editing import (
    EditCount,
    NothingLeft,
    SplatAction,
    count_splats,
    crop_splats,
    delete_floaters,
    limit_splats,
    search_floaters,
)
from blender_addon.scene.splat_selection import FloaterCriteria
from blender_addon.scene.splats import NoSplats, add_splats, read_splats

RandomCloud = Callable[[int, int], GaussianCloud]

BY_OPACITY = FloaterCriteria(0.02, None, None)
BY_SIZE = FloaterCriteria(None, 20.0, None)
BY_DISTANCE = FloaterCriteria(None, None, 10.0)


@pytest.fixture
def dirty(ball: GaussianCloud) -> GaussianCloud:
    """The ball with 5 nearly transparent splats, 4 huge ones and a group of 3 far away."""
    opacities, scales, means = ball.opacities.copy(), ball.scales.copy(), ball.means.copy()
    opacities[:5], scales[5:9], means[9:12] = 0.01, 2.0, (6, 6, 6)
    return replace(ball, opacities=opacities, scales=scales, means=means)


@pytest.mark.parametrize(
    ("criteria", "rows"),
    [
        (BY_OPACITY, range(5)),
        (BY_SIZE, range(5, 9)),
        (BY_DISTANCE, range(9, 12)),
        (FloaterCriteria(0.02, 20.0, 10.0), range(12)),
        (replace(BY_DISTANCE, neighbors=2), ()),  # whose group is larger than that
    ],
)
def test_each_criterion_finds_its_floaters(
    scene: bpy.types.Scene, dirty: GaussianCloud, criteria: FloaterCriteria, rows: range
) -> None:
    obj = add_splats(dirty, "dirty", scene.collection)
    assert delete_floaters([obj], criteria) == EditCount(len(rows), len(dirty))
    kept = np.setdiff1d(np.arange(len(dirty)), rows)
    np.testing.assert_allclose(read_splats(obj).means, dirty.means[kept], atol=1e-6)


def test_values_that_are_no_numbers_are_floaters(
    scene: bpy.types.Scene, ball: GaussianCloud
) -> None:
    for criteria, name, value in (
        (BY_OPACITY, "radiance:base", np.nan),
        (BY_SIZE, "scale", np.nan),
        (BY_SIZE, "scale", np.inf),
        (BY_DISTANCE, "position", np.nan),
        (BY_DISTANCE, "position", -np.inf),
    ):
        obj = add_splats(ball, "broken", scene.collection)
        values = read_attributes(obj.data)[name]
        values[7] = value
        kind = obj.data.attributes[name].data_type
        write_attribute(obj.data, PointAttribute(name, kind, values))
        assert delete_floaters([obj], criteria).found == 1


@pytest.mark.once
@pytest.mark.parametrize("neighbors", [1, 8, 40])
def test_distances_to_neighbors_are_exact(neighbors: int) -> None:
    random = np.random.default_rng(3)
    points = random.normal(size=(900, 3)).astype(np.float32)
    points[:500] /= np.linalg.norm(points[:500], axis=1, keepdims=True)
    points[500:520] = points[500]  # in one place
    points[-9:] *= 80
    points[-1] *= 1e12  # beyond the grid of cells
    apart = np.linalg.norm(points[:, None].astype(np.float64) - points, axis=2)
    distances = np.sort(apart, axis=1)[:, neighbors]
    typical = NeighborSearch(points).typical_distance(neighbors)
    assert typical == pytest.approx(np.median(distances))
    for times in (0.5, 1.0, 3.0, 10.0, 100.0):
        far = far_from_others(points, times, neighbors)
        np.testing.assert_array_equal(far, distances > times * typical)


@pytest.mark.once
@pytest.mark.parametrize("neighbors", [1, 16, 100])
def test_lower_limits_and_other_neighbors_after_a_search_are_exact(neighbors: int) -> None:
    random = np.random.default_rng(4)
    centers, spreads = random.normal(size=(12, 3)) * 3, np.exp(random.normal(-2, 1.5, 12))
    cluster = random.integers(0, 12, 1_200)
    points = centers[cluster] + random.normal(size=(1_200, 3)) * spreads[cluster, None]
    points = points.astype(np.float32)
    apart = np.linalg.norm(points[:, None].astype(np.float64) - points, axis=2)
    apart.partition(neighbors, axis=1)
    distances = apart[:, neighbors]
    for times in (20.0, 5.0, 1.5, 8.0):  # what was measured before is used again
        typical = NeighborSearch(points).typical_distance(neighbors)
        far = far_from_others(points, times, neighbors)
        np.testing.assert_array_equal(far, distances > times * typical)


def test_progress_rises_to_the_end_and_what_it_raises_changes_nothing(
    scene: bpy.types.Scene, dirty: GaussianCloud
) -> None:
    obj = add_splats(dirty, "dirty", scene.collection)
    told: list[float] = []

    def stop_halfway(share: float) -> None:
        if share > 0.3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        delete_floaters([obj], replace(BY_DISTANCE, neighbors=7), on_progress=stop_halfway)
    assert count_splats(obj) == len(dirty)
    found = delete_floaters([obj], replace(BY_DISTANCE, neighbors=7), on_progress=told.append)
    assert found == EditCount(3, len(dirty))
    assert told == sorted(told) and told[-1] == 1.0


def test_a_search_ahead_leaves_nothing_to_measure(
    scene: bpy.types.Scene, dirty: GaussianCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = [add_splats(dirty, "dirty", scene.collection) for _ in range(2)]
    assert search_floaters(objects, BY_SIZE) is None
    search = search_floaters(objects, BY_DISTANCE)
    assert search is not None and len(search) == 2 * len(dirty)
    told: list[float] = []
    search.run(told.append)
    assert told == sorted(told) and told[-1] == 1.0
    asked: list[int] = []
    measure = NeighborSearch._distances

    def count(self: NeighborSearch, rows: NDArray[np.intp], neighbors: int) -> NDArray[np.float64]:
        asked.append(len(rows))
        return measure(self, rows, neighbors)

    monkeypatch.setattr(NeighborSearch, "_distances", count)
    for limit in (10.0, 7.0, 5.0, 30.0):
        delete_floaters(objects, FloaterCriteria(0.1, 9.0, limit), action=SplatAction.SELECT)
    assert sum(asked) == 0


@pytest.mark.once
def test_few_or_equal_points_are_not_far() -> None:
    for points in (np.empty((0, 3)), np.zeros((5, 3)), np.zeros((50, 3))):
        assert not far_from_others(points.astype(np.float32), 10.0, 16).any()


def test_limit_keeps_what_hides_most_in_its_order(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(60, 1)
    obj = add_splats(cloud, "s", scene.collection)
    _, middle, longest = np.sort(cloud.scales, axis=1).T
    kept = np.sort(np.argsort(-cloud.opacities * middle * longest)[:25])
    assert limit_splats([obj], 25) == EditCount(35, 60)
    np.testing.assert_allclose(read_splats(obj).means, cloud.means[kept], atol=1e-6)
    np.testing.assert_allclose(read_splats(obj).shN, cloud.shN[kept], atol=1e-5)
    assert limit_splats([obj], 25) == limit_splats([obj], 10**9) == EditCount(0, 25)


def test_bad_input_is_told_in_a_sentence_and_changes_nothing(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    good, other = (add_splats(random_cloud(20, 0), n, scene.collection) for n in ("good", "other"))
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    nowhere = bpy.data.objects.new("nowhere", None)
    nowhere.empty_display_type, nowhere.location = "CUBE", (99, 0, 0)
    scene.collection.objects.link(nowhere)
    everything = FloaterCriteria(1.0, None, None)
    for edit, error, words in (
        (lambda: limit_splats([], 5), NoSplats, "No splats are selected"),
        (lambda: limit_splats([good, cube], 5), NoSplats, "'cube' has no splats"),
        (lambda: limit_splats([good], 0), InvalidRequest, "0 splats cannot be kept"),
        (lambda: limit_splats([good], -3), InvalidRequest, "-3 splats cannot be kept"),
        (lambda: crop_splats([good], nowhere), NothingLeft, "would lose all its splats"),
        (lambda: delete_floaters([good, other], everything), NothingLeft, "lose all"),
        (lambda: FloaterCriteria(None, None, None), InvalidRequest, "No criterion"),
        (lambda: FloaterCriteria(-1.0), InvalidRequest, "no limit"),
        (lambda: FloaterCriteria(float("nan")), InvalidRequest, "no limit"),
        (lambda: FloaterCriteria(neighbors=0), InvalidRequest, "neighbor"),
    ):
        with pytest.raises(error, match=words):
            edit()
    assert count_splats(good) == count_splats(other) == 20


def test_objects_in_edit_mode_are_left_alone(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    obj = add_splats(random_cloud(20, 0), "s", scene.collection)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        with pytest.raises(NotEditable, match="being edited"):
            limit_splats([obj], 5)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    assert count_splats(obj) == 20


def test_an_error_in_one_object_leaves_the_others(
    scene: bpy.types.Scene, ball: GaussianCloud, random_cloud: RandomCloud
) -> None:
    good = add_splats(replace(ball, opacities=ball.opacities * 0 + 1), "good", scene.collection)
    bad = add_splats(random_cloud(20, 0), "bad", scene.collection)
    with pytest.raises(NothingLeft, match="'bad'"):
        delete_floaters([good, bad], FloaterCriteria(1.0, None, None))
    assert count_splats(good) == len(ball)
    found = delete_floaters(
        [good, bad], FloaterCriteria(1.0, None, None), action=SplatAction.SELECT
    )
    assert found == EditCount(20, len(ball) + 20)
