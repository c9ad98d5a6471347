"""Clouds of the built-in engine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from splatsmith.contract.bounds import bounding_sphere
from splatsmith.contract.cloud import read_cloud
from splatsmith.gaussians.unit_sphere import to_unit_sphere

from .scores import BenchmarkCase

PROMPTS = (
    "a wooden chair",
    "a red sports car",
    "a stone tower",
    "a potted plant",
    "a medieval sword",
    "a brown horse",
    "a treasure chest",
    "a slice of cake",
    "a fishing boat",
    "a robot",
    "a pine tree",
    "a blue armchair",
)


def engine_cases(count: int) -> Iterator[BenchmarkCase]:
    """Of the first `count` prompts, each in the unit sphere."""
    with tempfile.TemporaryDirectory() as folder:
        for prompt in PROMPTS[:count]:
            command = [sys.executable, "-m", "splatsmith", "generate", "--prompt", prompt]
            command += ["--products", "splats", "--seed", "1", "--out", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            cloud = read_cloud(Path(folder) / "splats.ply")
            yield BenchmarkCase(
                prompt.replace(" ", "-"), to_unit_sphere(cloud, bounding_sphere(cloud))
            )
