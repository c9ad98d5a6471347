"""Plans as JSON, which the service keeps with their jobs."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.exporting.export_plan import ExportPlan, export_from_members
from blender_addon.importing.import_plan import ImportPlan, plan_from_members
from blender_addon.importing.placement import Placement
from blender_addon.importing.post_import import PostImport
from blender_addon.scene.provenance import Provenance
from blender_addon.scene.splats import add_splats
from blender_addon.scene.transform_snapshot import TransformSnapshot, snapshot_transform

PROVENANCE = Provenance('{"prompt": "ü"}', "1f", "sprout")
PLANS = (
    ImportPlan(Placement((1, 2.5, -3), 0.25, clear=True), PostImport(True, True)),
    ImportPlan(Placement((0, 0, 0), None, 0.01, keep_place=True), provenance=PROVENANCE),
)


def sent(members: object) -> dict[str, object]:
    return json.loads(json.dumps(members))


@pytest.mark.parametrize("plan", PLANS)
def test_placement_is_read_as_it_was_written(plan: ImportPlan) -> None:
    assert plan_from_members(sent(plan.to_members())) == plan


def test_extraction_finds_its_splats_or_their_place(
    scene: bpy.types.Scene, ball: GaussianCloud
) -> None:
    splats = add_splats(ball, "ball", scene.collection)
    splats.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "Z")
    bpy.context.view_layer.update()
    world = splats.matrix_world.copy()
    members = sent(ImportPlan(snapshot_transform(splats)).to_members())
    splats.location.x = 7
    found = plan_from_members(members)
    assert found is not None and isinstance(found.target, TransformSnapshot)
    assert found.target.object == splats and found.target.world.translation.x == 7
    bpy.data.objects.remove(splats)
    found = plan_from_members(members)
    assert found is not None and isinstance(found.target, TransformSnapshot)
    assert found.target.object is None
    other = bpy.data.objects.new("other", None)
    scene.collection.objects.link(other)
    found.target.apply_to(other)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(np.array(other.matrix_world), np.array(world), atol=1e-6)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"import": None},
        {"import": {"placement": {"novelty": 1}, "transform": None}},
        {"import": {"placement": None, "transform": {"name": "a", "world": [1]}}},
        {"import": {"placement": None, "transform": {"name": "a", "world": "x" * 16}}},
        {"export": {"path": 1}},
    ],
)
def test_plans_of_other_versions_are_none(members: dict[str, object]) -> None:
    assert plan_from_members(members) is None
    assert export_from_members(members) is None


def test_export_is_read_as_it_was_written() -> None:
    plan = ExportPlan(Path("assets/ü.spz"), 12, ("A note.",))
    assert export_from_members(sent(plan.to_members())) == plan
