"""The zip installed as an extension: a job from prompt to scene, in every installed Blender."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

import build_addon

SCRIPT = Path(__file__).with_name("job_in_blender.py")
SECONDS = 900
BLENDERS = build_addon.blender_environments()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_addon.build(tmp_path_factory.mktemp("dist"))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 20)
@pytest.mark.parametrize("blender", BLENDERS, ids=lambda folder: folder.name)
def test_job_runs_through_the_installed_extension(
    blender: Path, archive: Path, tmp_path: Path
) -> None:
    # Each installation compiles extraction anew, which takes minutes: in one Blender only.
    products = ("mesh", "points", "splats") if blender == BLENDERS[0] else ("splats",)
    report = run_job(blender, archive, tmp_path, products)
    assert tuple(sorted(report["objects"])) == products
    assert all("Jürgens" in name for name in report["objects"].values())
    assert {"position", "scale", "rotation", "radiance:base"} <= set(report["attributes"])
    assert report["splats"] > 100
    assert (report["faces"] > 100) == ("mesh" in products)
    assert (report["prompt"], report["seed"]) == ("a wooden chair", 1)
    assert report["bundled"] and report["foreign"] == []
    assert remaining_processes(tmp_path) == []


def run_job(blender: Path, archive: Path, home: Path, products: tuple[str, ...]) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["BLENDER_USER_RESOURCES"] = str(home / "Blender's own folder")
    python = build_addon.environment_python(blender)
    command = [python, "-I", SCRIPT, archive, build_addon.BACKEND_ENVIRONMENT, *products]
    completed = subprocess.run(
        [str(part) for part in command],
        cwd=home,
        env=environment,
        text=True,
        encoding="utf-8",
        capture_output=True,
        timeout=SECONDS,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return json.loads(completed.stdout.strip().splitlines()[-1])


def remaining_processes(home: Path) -> list[str]:
    """Command lines of processes that still refer to a Blender's folder `home`."""
    lines = (
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    )
    return [line for line in lines if str(home) in line]
