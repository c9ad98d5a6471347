"""Variations: made together, not imported by themselves, chosen one by one."""

from __future__ import annotations

import time
from dataclasses import replace

import bpy
import pytest

from blender_addon import api
from blender_addon.contract.protocol import GenerateRequest, Product
from blender_addon.link.job_groups import group_variations, with_seed
from blender_addon.link.tracked_job import TrackedJob, new_job
from tests.addon.panel import TIMEOUT, await_engines

pytestmark = pytest.mark.once

SETTINGS = api.GenerationSettings("lattice", products=(Product.SPLATS,))


def variation(seed: int, created: float = 0.0, prompt: str = "a chair") -> TrackedJob:
    job = new_job(with_seed(GenerateRequest(prompt=prompt), seed))
    return replace(job, status=replace(job.status, created=created))


def test_variations_are_made_and_wait_to_be_chosen(registered: None) -> None:
    api.start()
    await_engines()  # which say what seeds they take
    before = set(bpy.data.objects)
    keys = api.submit_variations(
        "a cube", settings=SETTINGS, placement=api.Placement((3, 0, 0), size=2.0)
    )
    assert len(set(keys)) == 4
    deadline = time.monotonic() + TIMEOUT
    while sum(job.preview is not None for job in api.snapshot().jobs if job.key in keys) < 4:
        assert time.monotonic() < deadline, api.snapshot()
        api.poll()
        time.sleep(api.POLL_SECONDS)
    assert set(bpy.data.objects) == before
    jobs = [job for job in api.snapshot().jobs if job.key in keys]
    seeds = {j.request.parameters["seed"] for j in jobs if isinstance(j.request, GenerateRequest)}
    assert len(seeds) == 4
    assert [len(group) for group in group_variations(jobs)] == [4]

    chosen = api.wait_for(api.import_job(keys[2]))

    assert max(chosen.objects[Product.SPLATS].dimensions) == pytest.approx(2.0, rel=0.2)
    assert {job.key for job in api.snapshot().jobs} >= set(keys)

    another = api.wait_for(api.repeat_with_new_seed(keys[2]))
    request = api.read_request(another.objects[Product.SPLATS])
    assert isinstance(request, GenerateRequest) and request.prompt == "a cube"
    assert request.parameters["seed"] not in seeds


def test_only_jobs_of_one_order_are_variations() -> None:
    jobs = [
        *(variation(1, 100.0), variation(2, 99.9)),
        variation(3, 10.0),
        *(variation(4, 9.0, "a table"), variation(5, 8.9, "a table"), variation(6, 8.8, "a table")),
        variation(6, 8.7, "a table"),  # the same seed: tried again
    ]
    assert [len(group) for group in group_variations(jobs)] == [2, 1, 3, 1]
