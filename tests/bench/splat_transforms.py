"""Rest positions, Apply Transform, Join and Repair of splats, beside the import of as many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import bpy
import numpy as np

from blender_addon.contract.cloud import GaussianCloud, empty_cloud
from blender_addon.scene.operator_context import only_selected
from blender_addon.scene.point_data import read_attribute
from blender_addon.scene.rest_positions import looks_turned, write_rest_positions
from blender_addon.scene.splat_join import join_splats
from blender_addon.scene.splat_repair import repair_splats
from blender_addon.scene.splat_transforms import apply_transform
from blender_addon.scene.splats import add_splats

from .figure import Figure

COUNT = 1_000_000
PARTS = 10
ROUNDS = 3
TURN, STRETCH = (0.3, -0.8, 1.1), (1.0, 2.0, 0.5)
PANEL_SECONDS = 0.02  # what drawing may take


def figures() -> Iterator[Figure]:
    """Seconds; the rest positions' also as a share of the import."""
    for degree in (0, 3):
        cloud = random_cloud(COUNT, degree)
        name = f"1 M splats of degree {degree}"
        imported = best(lambda: seconds(lambda: add(cloud)))  # noqa: B023  (called at once)
        rest = best(lambda: time_rest_positions(cloud))  # noqa: B023
        yield Figure(f"{name}, cloud to object", imported, "s")
        yield Figure("  of it, rest positions", rest / imported, "times")
        yield Figure("  apply a turn and a stretch", time_apply(cloud), "s")
        yield Figure("  repair one part", time_repair(cloud, 1), "s")
        yield Figure(f"  repair {PARTS} joined parts", time_repair(cloud, PARTS), "s")
        yield Figure("  join two halves", time_join(cloud), "s")
    yield Figure("The panel's look at turned splats", time_look(cloud), "s", PANEL_SECONDS)


def time_rest_positions(cloud: GaussianCloud) -> float:
    obj = add(cloud)
    positions = read_attribute(obj.data.attributes["position"])
    obj.data.attributes.remove(obj.data.attributes[".splatsmith:rest_position"])
    return seconds(lambda: write_rest_positions(obj.data, positions))


def time_apply(cloud: GaussianCloud) -> float:
    obj = turned(cloud)
    return seconds(lambda: apply_transform([obj]))


def time_repair(cloud: GaussianCloud, parts: int) -> float:
    obj = broken(cloud, parts)
    return seconds(lambda: repair_splats([obj]))


def time_join(cloud: GaussianCloud) -> float:
    half = cloud.select(np.arange(len(cloud) // 2))
    first, second = add(half), turned(half, clear=False)
    return seconds(lambda: join_splats(first, [second]))


def time_look(cloud: GaussianCloud) -> float:
    obj = broken(cloud, PARTS)
    return best(lambda: seconds(lambda: looks_turned(obj.data)))


def broken(cloud: GaussianCloud, parts: int) -> bpy.types.Object:
    """An object of `parts` that Blender turned, stretched and joined, each in its own way."""
    clear()
    part = cloud.select(np.arange(len(cloud) // parts))
    objects = [turned(part, clear=False, turn=(k, 1, 2)) for k in range(parts)]
    with only_selected(*objects):
        bpy.ops.object.transform_apply()
        if parts > 1:
            bpy.ops.object.join()
    return objects[0]


def turned(
    cloud: GaussianCloud, *, clear: bool = True, turn: tuple[float, float, float] = TURN
) -> bpy.types.Object:
    obj = add(cloud, clear=clear)
    obj.rotation_euler, obj.scale = turn, STRETCH
    return obj


def add(cloud: GaussianCloud, *, clear: bool = True) -> bpy.types.Object:
    if clear:
        bpy.ops.wm.read_factory_settings(use_empty=True)
    return add_splats(cloud, "splats", bpy.context.scene.collection)


def clear() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(ROUNDS))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def random_cloud(count: int, degree: int) -> GaussianCloud:
    random = np.random.default_rng(0)
    cloud = empty_cloud(count, degree)
    for array in (cloud.means, cloud.quats, cloud.sh0, cloud.shN):
        array[:] = random.normal(size=array.shape)
    cloud.quats[:] /= np.linalg.norm(cloud.quats, axis=1, keepdims=True)
    cloud.scales[:] = random.uniform(0.01, 0.1, cloud.scales.shape)
    cloud.opacities[:] = random.uniform(size=count)
    return cloud
