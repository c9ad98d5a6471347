"""Editing of one million splats in Blender: crop, floaters, limit and the bake of colors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import bpy
import numpy as np

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.color_adjustment import ColorAdjustment
from blender_addon.scene.crop_objects import CropShape, add_crop_object
from blender_addon.scene.splat_color import bake_color_adjustment, set_color_adjustment
from blender_addon.scene.splat_editing import (
    DEFAULT_CRITERIA,
    SplatAction,
    crop_splats,
    delete_floaters,
    limit_splats,
)
from blender_addon.scene.splats import add_splats

from .figure import Figure
from .import_splats import COUNT, random_cloud

FLOATERS = COUNT // 200
SECONDS = 5.0  # of the slowest, the first search for floaters


def figures() -> Iterator[Figure]:
    """Seconds, once each; what is found is selected, so that all see the same splats."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    obj = add_splats(_capture(), "capture", bpy.context.scene.collection)
    box = add_crop_object(obj, CropShape.BOX)
    box.scale = [0.6 * each for each in box.scale]
    select = SplatAction.SELECT
    closer = replace(DEFAULT_CRITERIA, max_distance=5.0)
    for name, edit in (
        ("crop by a box", lambda: crop_splats([obj], box, action=select)),
        ("crop by a box, whole splats", lambda: crop_splats([obj], box, whole=True, action=select)),
        ("floaters", lambda: delete_floaters([obj], action=select)),
        ("floaters, another limit", lambda: delete_floaters([obj], closer, action=select)),
        ("limit to a half", lambda: limit_splats([obj], COUNT // 2, action=select)),
    ):
        yield Figure(f"1 M splats, {name}", _time(edit), "s", SECONDS)
    set_color_adjustment(obj, ColorAdjustment(contrast=0.2))
    baked = _time(lambda: bake_color_adjustment([obj]))
    yield Figure("1 M splats of degree 3, bake of colors", baked, "s")
    half = _time(lambda: limit_splats([obj], COUNT // 2))
    yield Figure("1 M splats of degree 3, limit and deletion of a half", half, "s")


def _capture() -> GaussianCloud:
    """A rough sphere with floaters around it, of degree 3."""
    cloud = random_cloud(3)
    random = np.random.default_rng(1)
    radii = 1 + 0.002 * random.normal(size=(COUNT, 1))
    radii[:FLOATERS] = random.uniform(1.1, 3, (FLOATERS, 1))
    length = np.linalg.norm(cloud.means, axis=1, keepdims=True)
    return replace(cloud, means=(cloud.means / length * radii).astype(np.float32))


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
