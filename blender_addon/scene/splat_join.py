"""Joins splat objects: Blender joins their attributes, after their shapes were turned to fit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import OnProgress, ignore_progress
from ..contract.transform import linear_part, transform_points
from .appearance import limit_viewport
from .data_users import NotEditable, check_editable, make_single_user
from .operator_context import only_selected
from .progress_parts import each_with_progress
from .rest_positions import moved_rest, rest_or, write_rest_positions
from .splat_shapes import Shapes, transformed_shapes, turn_between, write_shapes
from .splats import NoSplats, copy_splat_attributes, stored_cloud


def join_splats(
    target: bpy.types.Object,
    others: Collection[bpy.types.Object],
    *,
    isolate_users: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Join the splats of `others` into `target`, where they look as before, and remove `others`.

    Degrees of harmonics and other attributes may differ: what an object lacks is 0 there. Children
    of `others` become children of `target` and stay in place.

    isolate_users: give `target` data of its own, if other objects use the same.
    on_progress: told the share that is done; what it raises ends the call before any change.

    Raises:
        NoSplats: there is nothing to join, or an object is no splat object, is empty or edited.
        NotEditable: an object is linked, other objects use the data of `target`, or `target`
            is parented to one of `others`.
        InvalidTransform: an object's scale is 0 along an axis.
    """
    others = [obj for obj in others if obj != target]
    if not others:
        raise NoSplats("There is nothing to join.", "Select two splat objects, or more.")
    _check_parents(target, others)
    bpy.context.view_layer.update()
    positions = copy_splat_attributes(target)["position"]
    world = np.array(target.matrix_world, np.float64)
    fitted = [_fit(obj, world, part) for obj, part in each_with_progress(others, on_progress)]
    check_editable(target, isolate_users, others)
    for obj in others:
        check_editable(obj, isolate_users=True)
    for obj in (*others, target):
        make_single_user(obj)
    write_rest_positions(target.data, rest_or(positions, target.data))
    for obj, fit in zip(others, fitted, strict=True):
        _write_fitted(obj, fit)
        _convert(obj, target.type)
    _join(target, others)
    _settle(target)


@dataclass(frozen=True)
class _FittedSplats:
    """Splats as they are in the target's space.

    matrix: [4, 4] from their object's space to the target's. positions: [N, 3], in their own.
    """

    matrix: NDArray[np.float64]
    positions: NDArray[np.float32]
    shapes: Shapes

    def in_target(self) -> NDArray[np.float32]:
        """The positions [N, 3] in the target's space."""
        return transform_points(self.positions, self.matrix)


def _fit(
    obj: bpy.types.Object, target_world: NDArray[np.float64], on_progress: OnProgress
) -> _FittedSplats:
    """Raises NoSplats, InvalidTransform: see `join_splats`."""
    linear_part(target_world)
    cloud = stored_cloud(copy_splat_attributes(obj))
    world = np.array(obj.matrix_world, np.float64)
    matrix = np.linalg.inv(target_world) @ world
    turn = turn_between(world, target_world)
    shapes = transformed_shapes(cloud, matrix, None, turn, on_progress)
    return _FittedSplats(matrix, cloud.means, shapes)


def _write_fitted(obj: bpy.types.Object, fit: _FittedSplats) -> None:
    write_shapes(obj.data, fit.shapes)
    moved = moved_rest(rest_or(fit.positions, obj.data), fit.in_target(), fit.matrix)
    write_rest_positions(obj.data, moved)


def _check_parents(target: bpy.types.Object, others: Collection[bpy.types.Object]) -> None:
    ancestor = target.parent
    while ancestor is not None and ancestor not in others:
        ancestor = ancestor.parent
    if ancestor is not None:
        raise NotEditable(
            f"{target.name!r} is parented to {ancestor.name!r}, which would be removed.",
            f"Make {ancestor.name!r} the active object, or clear the parent of {target.name!r}.",
        )


def _convert(obj: bpy.types.Object, kind: str) -> None:
    """Make points of mesh vertices or the reverse: Blender joins objects of one type alone."""
    if obj.type == kind:
        return
    obj.modifiers.clear()  # they would be applied
    with only_selected(obj):
        bpy.ops.object.convert(target=kind)


def _join(target: bpy.types.Object, others: Collection[bpy.types.Object]) -> None:
    children = [child for obj in others for child in obj.children if child not in others]
    worlds = [child.matrix_world.copy() for child in children]
    uids = {obj.session_uid for obj in others}
    with only_selected(target, *others):
        bpy.ops.object.join()
    for obj in [obj for obj in bpy.data.objects if obj.session_uid in uids]:
        bpy.data.objects.remove(obj)  # one that is in another scene too
    for child, world in zip(children, worlds, strict=True):
        child.parent = target
        # Which, unlike a matrix that is set, keeps shear.
        inverse = target.matrix_world.inverted()
        child.matrix_parent_inverse = inverse @ world @ child.matrix_basis.inverted_safe()


def _settle(target: bpy.types.Object) -> None:
    """Blender moved the positions, and rounded otherwise than the rest positions were."""
    positions = copy_splat_attributes(target)["position"]
    rest = rest_or(positions, target.data)
    write_rest_positions(target.data, moved_rest(rest, positions, np.eye(4)))
    limit_viewport(target, len(positions))
