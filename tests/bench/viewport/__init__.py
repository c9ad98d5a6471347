"""Splats in Blender's viewport: speed, and likeness to our rasterizer's pictures.

Needs Blender below 5.3 with a window (SPLATSMITH_BLENDER or on the PATH; DISPLAY), ImageMagick's
`import`; yields nothing without. SPLATSMITH_GUI_PICTURES names a folder for the pictures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import build_addon
from splatsmith.contract.cloud import GaussianCloud, write_cloud
from tests.bench.figure import Figure

from .comparison import compare
from .surfels import surfel_arrays

COUNTS = {16_384: 3, 262_144: 0, 1_000_000: 0}  # and their degree
DECIBELS = 27.0
SECONDS = 900


def figures() -> Iterator[Figure]:
    blender = os.environ.get("SPLATSMITH_BLENDER") or shutil.which("blender")
    if blender is None or "DISPLAY" not in os.environ or shutil.which("import") is None:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "resources")}
        _install(blender, environment, folder)
        clouds = [_write_cloud(folder, count, degree) for count, degree in COUNTS.items()]
        for shading in ("SOLID", "MATERIAL"):
            report = _draw(blender, environment, folder, clouds, shading)
            yield from _figures(report, shading.capitalize())


def _figures(report: dict[str, dict], shading: str) -> Iterator[Figure]:
    pictures = os.environ.get("SPLATSMITH_GUI_PICTURES")
    for name, found in report.items():
        title = f"{shading}, {int(Path(name).stem):,} splats"
        picture = Path(pictures) / f"viewport {title}.png" if pictures else None
        below = DECIBELS - compare(Path(name), found, picture)
        yield Figure(f"{title}, 27 dB minus the picture's", below, "dB", 0.0)
        yield Figure(f"{title}, turning", found["fps"], "fps")
        yield Figure(f"{title}, from arrays to the first drawing", found["first"], "s")


def _write_cloud(folder: Path, count: int, degree: int) -> Path:
    path = folder / f"{count}.ply"
    write_cloud(path, GaussianCloud(**surfel_arrays(count, degree)))
    return path


def _install(blender: str, environment: dict[str, str], folder: Path) -> None:
    command = [blender, "--background", "--command", "extension", "install-file"]
    command += ["-r", "user_default", "--enable", str(build_addon.build(folder))]
    subprocess.run(command, env=environment, check=True, timeout=SECONDS, stdout=sys.stderr)


def _draw(
    blender: str, environment: dict[str, str], folder: Path, clouds: list[Path], shading: str
) -> dict[str, dict]:
    config, report = folder / "config.json", folder / "report.json"
    report.unlink(missing_ok=True)
    values = {
        "module": "bl_ext.user_default.splatsmith",
        "clouds": [str(cloud) for cloud in clouds],
        "shading": shading,
        "report": str(report),
    }
    config.write_text(json.dumps(values), encoding="utf-8")
    command = [blender, "--gpu-backend", "opengl", "--window-geometry", "0", "0", "1000", "760"]
    command += ["--python", str(Path(__file__).with_name("in_blender.py")), "--", str(config)]
    subprocess.run(command, env=environment, timeout=SECONDS, stdout=sys.stderr)
    return json.loads(report.read_text(encoding="utf-8"))
