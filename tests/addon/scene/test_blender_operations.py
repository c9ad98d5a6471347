"""Facts about Blender that repairs rely on: its operators move the attribute `position` alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene import point_data
from blender_addon.scene.rest_positions import REST_POSITION, read_rest_positions
from blender_addon.scene.splats import IS_NATIVE, add_splats

from .blender_operations import (
    OPERATIONS,
    Operation,
    as_mesh,
    join,
    positions,
    select,
    split,
    transform_geometry,
)

RandomCloud = Callable[[int, int], GaussianCloud]
Make = Callable[[str], bpy.types.Object]


KINDS = ["as imported", "as a mesh"] if point_data.CAN_CONVERT else ["as imported"]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, scene: bpy.types.Scene, random_cloud: RandomCloud) -> Make:
    """Makes splat objects of both kinds of data."""

    def make_object(name: str) -> bpy.types.Object:
        obj = add_splats(random_cloud(30, 1), name, scene.collection)
        return as_mesh(obj) if request.param == "as a mesh" else obj

    return make_object


def everything(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    """All attributes with values of their own, rest positions included, but `position`."""
    rest = {REST_POSITION: read_rest_positions(obj.data)}
    values = {**point_data.read_attributes(obj.data), **rest}
    return {name: value for name, value in values.items() if name not in ("position", "radius")}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, name)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_move_positions_alone(make: Make, operation: Operation) -> None:
    obj = make("moved")
    before, here = everything(obj), positions(obj)
    matrix = operation(obj)
    np.testing.assert_allclose(positions(obj), here @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-5)
    assert np.abs(positions(obj) - here).max() > 0.1
    assert_equal(everything(obj), before)


def test_transform_geometry_changes_positions_alone_before_it_is_applied(make: Make) -> None:
    obj = make("evaluated")
    before = everything(obj)
    transform_geometry(obj)
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert_equal(everything(evaluated), before)


def test_join_moves_the_joined_positions_alone(make: Make) -> None:
    active, other = make("active"), make("other")
    other.rotation_euler = (0, 0, 1)
    before, here = everything(active), positions(other)
    join(active, other)
    doubled = {name: np.concatenate([value, value]) for name, value in before.items()}
    assert_equal(everything(active), doubled)
    assert np.abs(positions(active)[30:] - here).max() > 0.1


@pytest.mark.parametrize("lacking", [0, 1])
def test_join_fills_what_an_object_lacks_with_zeros(make: Make, lacking: int) -> None:
    objects = [make("active"), make("other")]
    data = objects[lacking].data
    data.attributes.remove(data.attributes[REST_POSITION])
    join(*objects)
    rest = read_rest_positions(objects[0].data)
    assert rest is not None
    assert not rest[30 * lacking : 30 * lacking + 30].any()
    assert rest[30 * (1 - lacking) : 30 * (1 - lacking) + 30].all()


def test_separating_and_copying_keep_everything(make: Make) -> None:
    obj = make("split")
    chosen = np.arange(30) < 10
    before = everything(obj)
    separated = split(obj, chosen)
    assert_equal(everything(separated), {name: v[chosen] for name, v in before.items()})
    assert_equal(everything(obj), {name: v[~chosen] for name, v in before.items()})
    obj.data = obj.data.copy()
    assert_equal(everything(obj), {name: v[~chosen] for name, v in before.items()})


@pytest.mark.skipif(not point_data.CAN_CONVERT, reason="no point clouds")
def test_conversion_keeps_everything_there_and_back(make: Make) -> None:
    obj = make("converted")
    before = everything(obj)
    kinds = ["POINTCLOUD", "MESH"] if obj.type == "MESH" else ["MESH", "POINTCLOUD"]
    obj.modifiers.clear()
    select(obj)
    for kind in kinds:
        bpy.ops.object.convert(target=kind)
        assert bpy.context.object.type == kind
        assert_equal(everything(bpy.context.object), before)


def test_saving_keeps_everything(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = everything(make("saved"))
    file: Path = tmp_path_factory.mktemp("saved") / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert_equal(everything(bpy.data.objects["saved"]), before)


@pytest.mark.skipif(not IS_NATIVE, reason="no native splats")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_native_splats_stay_native(
    scene: bpy.types.Scene, random_cloud: RandomCloud, operation: Operation
) -> None:
    obj = add_splats(random_cloud(30, 1), "native", scene.collection)
    operation(obj)
    assert obj.data.type == "GAUSSIAN_SPLAT"
