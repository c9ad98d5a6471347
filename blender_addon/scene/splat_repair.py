"""Repairs splats whose positions Blender has turned, and left their shapes behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import OnProgress, ignore_progress
from ..contract.problems import SplatsmithError
from .affine_parts import find_affine_parts
from .data_users import check_editable, make_single_user
from .progress_parts import each_with_progress
from .rest_positions import has_rest, read_rest_positions, write_rest_positions
from .splat_shapes import Shapes, transformed_shapes, write_shapes
from .splats import copy_splat_attributes, stored_cloud


class NothingToRepair(SplatsmithError):
    """Raised when splats have no stored rest positions, or fit them."""

    code = "nothing-to-repair"
    title = "There is nothing to repair"
    status = 422


@dataclass(frozen=True)
class Repair:
    """What a repair did: splats that were turned, and splats whose turn cannot be told.

    lone: moved one by one, or in groups too small for it. unknown: joined from objects without
    rest positions.
    """

    repaired: int
    lone: int
    unknown: int

    @property
    def sentence(self) -> str:
        """What was repaired, and what was not."""
        return f"{self.repaired:,} splats repaired.{self.remainder}"

    @property
    def remainder(self) -> str:
        """Sentences on what was not repaired, each with a blank in front."""
        sentences = ""
        if self.lone:
            sentences += f" {self.lone:,} were moved one by one and stay as they are."
        if self.unknown:
            sentences += f" {self.unknown:,} do not say where they were at first."
        return sentences


def repair_splats(
    objects: Sequence[bpy.types.Object],
    *,
    isolate_users: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Repair:
    """Turn the shapes of splats whose positions alone Blender has turned, each part by its own map.

    Objects that need no repair, or have no rest positions, stay as they are if others need it.

    on_progress: told the share that is done; what it raises ends the call before anything is
        changed.

    Raises:
        NoSplats, NotEditable: as in `apply_transform`.
        NothingToRepair: no splat was turned, or none has a rest position.
        InvalidTransform: a part was flattened, which leaves nothing to turn.
    """
    plans: list[_RepairPlan] = []
    refusals: list[NothingToRepair] = []
    for splats, progress in each_with_progress(objects, on_progress):
        try:
            plans.append(_plan_repair(splats, progress))
        except NothingToRepair as refusal:
            refusals.append(refusal)
    if refusals and not plans:
        raise refusals[0]
    for plan in plans:
        check_editable(plan.splats, isolate_users)
    for plan in plans:
        make_single_user(plan.splats)
        write_shapes(plan.splats.data, plan.shapes)
        write_rest_positions(plan.splats.data, plan.rest)
    counts = (astuple(plan.result) for plan in plans)
    return Repair(*(sum(column) for column in zip(*counts, strict=True)))


@dataclass(frozen=True)
class _RepairPlan:
    """What a repair will write: shapes, and rest positions [N, 3]."""

    splats: bpy.types.Object
    shapes: Shapes
    rest: NDArray[np.float32]
    result: Repair


def _plan_repair(splats: bpy.types.Object, on_progress: OnProgress) -> _RepairPlan:
    cloud = stored_cloud(copy_splat_attributes(splats))
    rest = _stored_rest(splats)
    known = np.flatnonzero(has_rest(rest))
    found = find_affine_parts(rest[known], cloud.means[known])
    parts = [replace(part, rows=known[part.rows]) for part in found]
    turned = [part for part in parts if part.is_linear]
    result = Repair(
        repaired=sum(len(part.rows) for part in turned),
        lone=len(known) - sum(len(part.rows) for part in parts),
        unknown=len(rest) - len(known),
    )
    if not turned:
        raise NothingToRepair(f"{splats.name!r} needs no repair.{result.remainder}")
    shapes = Shapes(cloud.quats.copy(), cloud.scales.copy(), _planar_copy(cloud.shN))
    for part, progress in each_with_progress(turned, on_progress):
        shapes.put(part.rows, transformed_shapes(cloud, part.matrix, part.rows, None, progress))
    for part in parts:
        rest[part.rows] = cloud.means[part.rows]
    return _RepairPlan(splats, shapes, rest, result)


def _stored_rest(splats: bpy.types.Object) -> NDArray[np.float32]:
    rest = read_rest_positions(splats.data)
    if rest is None:
        raise NothingToRepair(
            f"{splats.name!r} does not say where its splats were at first: it is not from "
            "Splatsmith, or from an older version.",
            "Undo what turned it, or import it again; from then on it can be repaired.",
        )
    return rest


def _planar_copy(shN: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: N803
    return shN.transpose(1, 0, 2).copy().transpose(1, 0, 2)
