"""Seconds from a prompt to objects in the scene, by stage, with the real service."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy

from blender_addon import api

from .figure import Figure

PROMPT = "a wooden chair"
TO_SPLATS = ("load engine", "prepare picture", "generate", "make splats")
SECONDS_TO_SPLATS = 15.0


def figures() -> Iterator[Figure]:
    """Seconds of a first job, which starts the backend, and of each stage of a second one."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with tempfile.TemporaryDirectory() as folder:
        api.configure(replace(api.default_settings(), folder=Path(folder)))
        try:
            cold, _ = time_generation(seed=1)
            yield Figure("prompt to scene, backend not started", cold, "s")
            warm, stages = time_generation(seed=2)
            yield Figure("prompt to scene, warm", warm, "s")
            for stage, seconds in stages.items():
                yield Figure(f"  {stage}", seconds, "s")
            yield Figure("  transfer and import", warm - sum(stages.values()), "s")
            to_splats = sum(stages[stage] for stage in TO_SPLATS)
            yield Figure("prompt to splats, warm", to_splats, "s", SECONDS_TO_SPLATS)
        finally:
            api.shutdown()


def time_generation(seed: int) -> tuple[float, dict[str, float]]:
    """Generate one asset; the total seconds, and the backend's seconds by stage."""
    started = time.perf_counter()
    asset = api.generate(PROMPT, settings=api.GenerationSettings(parameters={"seed": seed}))
    elapsed = time.perf_counter() - started
    record = json.loads((asset.source / "job.json").read_text("utf-8"))
    return elapsed, record["seconds"]
