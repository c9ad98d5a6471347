"""Applies the transforms of objects to their splats, as Blender's operator does to positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import bpy
import numpy as np

from ..contract.cloud import OnProgress, ignore_progress
from ..contract.transform import linear_part
from .data_users import check_editable, make_single_user
from .operator_context import only_selected
from .progress_parts import each_with_progress
from .rest_positions import moved_rest, rest_or, write_rest_positions
from .splat_shapes import transformed_shapes, turn_between, write_shapes
from .splats import copy_splat_attributes, stored_cloud


@dataclass(frozen=True)
class Components:
    """The components of an object's transform that are applied, as in Blender's operator."""

    location: bool = True
    rotation: bool = True
    scale: bool = True


ALL_COMPONENTS = Components()


def apply_transform(
    objects: Sequence[bpy.types.Object],
    components: Components = ALL_COMPONENTS,
    *,
    isolate_users: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Apply the transform of each of `objects` to its splats, as Blender does to positions.

    isolate_users: give an object data of its own, if other objects use the same.
    on_progress: told the share that is done; it must not raise.

    Raises:
        NoSplats: an object is not a splat object, is empty, or is being edited.
        NotEditable: one is linked, or other objects use its data.
        InvalidTransform: a scale is 0 along an axis.
    """
    bpy.context.view_layer.update()
    for splats in objects:
        copy_splat_attributes(splats)
        check_editable(splats, isolate_users)
        linear_part(np.array(splats.matrix_basis, np.float64))
        linear_part(np.array(splats.matrix_world, np.float64))
    for splats, part in each_with_progress(objects, on_progress):
        _apply_transform(splats, components, part)


def _apply_transform(
    splats: bpy.types.Object, components: Components, on_progress: OnProgress
) -> None:
    cloud = stored_cloud(copy_splat_attributes(splats))
    basis, world = (np.array(m, np.float64) for m in (splats.matrix_basis, splats.matrix_world))
    make_single_user(splats)
    rest = rest_or(cloud.means, splats.data)
    with only_selected(splats):
        bpy.ops.object.transform_apply(**asdict(components))
    matrix = np.linalg.inv(np.array(splats.matrix_basis, np.float64)) @ basis
    turn = turn_between(world, world @ np.linalg.inv(matrix))
    write_shapes(splats.data, transformed_shapes(cloud, matrix, None, turn, on_progress))
    positions = copy_splat_attributes(splats)["position"]
    write_rest_positions(splats.data, moved_rest(rest, positions, matrix))
