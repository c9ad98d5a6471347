"""Peak memory of a density field's surface, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.progress import silent
from splatsmith.representations.density_field import DensityField
from tests.backend.representations.subjects import ball_function

def peak():  # of this program; ru_maxrss is that of the process that started it, if larger
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

small = DensityField(ball_function(), 32)  # loads all code
small.colored_surface(ExtractionOptions(face_budget=500), silent(), "cpu")
before = peak()
field = DensityField(ball_function(), int(sys.argv[1]))
field.colored_surface(ExtractionOptions(), silent(), "cpu")
field.gaussians(silent(), "cpu")
print(json.dumps({"before": before, "peak": peak()}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    ("resolution", "growth"), [(192, 0.2e9), pytest.param(512, 1.0e9, marks=pytest.mark.slow)]
)
def test_memory_grows_with_the_surface_alone(resolution: int, growth: float) -> None:
    """A dense grid of 512^3 floats alone takes 0.54 GB, and its points three times as much."""
    command = [sys.executable, "-c", PROGRAM, str(resolution)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    found = json.loads(ended.stdout)
    assert found["peak"] < 2e9
    assert found["peak"] - found["before"] < growth
