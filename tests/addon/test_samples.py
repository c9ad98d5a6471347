"""Several samples of one prompt are jobs of their own, side by side."""

from __future__ import annotations

import bpy
import pytest

from blender_addon import api
from blender_addon.contract.protocol import GenerateRequest
from blender_addon.importing.import_plan import ImportPlan
from blender_addon.link.tracked_job import TrackedJob
from blender_addon.submission.new_jobs import generation_job, sample_jobs

pytestmark = pytest.mark.once
PLACE, AS_IMPORTED = api.Placement(size=1.0), api.PostImport()


def jobs(samples: int) -> list[TrackedJob]:
    settings = api.GenerationSettings(engine="ln3diff", parameters={"samples": samples, "seed": 3})
    plan = ImportPlan(PLACE.resolve(), AS_IMPORTED)
    return sample_jobs(generation_job("a chair", None, "", settings, plan), PLACE, AS_IMPORTED)


def test_each_sample_is_a_job_with_a_place_of_its_own(scene: bpy.types.Scene) -> None:
    made = jobs(4)
    requests = [job.request for job in made if isinstance(job.request, GenerateRequest)]
    assert [request.parameters for request in requests] == [
        {"samples": 4, "seed": 3, "sample": number} for number in (1, 2, 3, 4)
    ]
    assert [request.title for request in requests] == [f"a chair {n}" for n in (1, 2, 3, 4)]
    plans = [job.import_plan for job in made if isinstance(job.import_plan, ImportPlan)]
    places = [plan.target for plan in plans if isinstance(plan.target, api.Placement)]
    assert len({place.location for place in places}) == 4
    assert len({job.key for job in made}) == 4


def test_a_single_sample_is_the_job_itself(scene: bpy.types.Scene) -> None:
    (only,) = jobs(1)
    assert isinstance(only.request, GenerateRequest)
    assert only.request.parameters == {"samples": 1, "seed": 3}
