"""Blender's own window, driven by mouse and keyboard: a prompt typed, Generate pressed, undone.

Needs Blender (SPLATSMITH_BLENDER, or on the PATH), xdotool, ImageMagick's `import`, and an X
display or Xvfb. SPLATSMITH_GUI_PICTURES names a folder to keep the pictures in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import build_addon

ARTIST = Path(__file__).with_name("artist.py")
SECONDS = 280
SCREEN = "1600x900x24"
PROMPT = "a wooden chair"

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(SECONDS + 20)]


@pytest.fixture
def blender() -> str:
    program = os.environ.get("SPLATSMITH_BLENDER") or shutil.which("blender")
    if program is None:
        pytest.skip("no Blender: put it on the PATH or name it in SPLATSMITH_BLENDER")
    for tool, purpose in (("import", "photograph the window"), ("xdotool", "move the mouse")):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} to {purpose} with")
    return program


@pytest.fixture
def display() -> Iterator[str]:
    if "DISPLAY" in os.environ:
        yield os.environ["DISPLAY"]
    elif shutil.which("Xvfb") is None:
        pytest.skip("neither a display nor Xvfb to make one")
    else:
        with _virtual_display() as name:
            yield name


def test_artist_makes_a_chair_and_undoes_it(
    blender: str, display: str, project: Path, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "BLENDER_USER_RESOURCES": str(tmp_path / "resources"),
    }
    _install(blender, environment, tmp_path)
    orders = _orders(project, tmp_path)
    told = _run_artist(blender, environment, orders)
    assert "error" not in told, told["error"]
    assert told["prompt"] == PROMPT
    assert told["made"] == [f"{PROMPT}.mesh", f"{PROMPT}.splats"]
    assert told["after undo"] == []
    assert told["after redo"] == told["made"]


def _install(blender: str, environment: dict[str, str], folder: Path) -> None:
    archive = build_addon.build(folder)
    command = [blender, "--background", "--command", "extension", "install-file"]
    command += ["-r", "user_default", "--enable", str(archive)]
    subprocess.run(command, env=environment, check=True, timeout=SECONDS)


def _orders(project: Path, folder: Path) -> Path:
    pictures = Path(os.environ.get("SPLATSMITH_GUI_PICTURES", folder))
    orders = {
        "module": "bl_ext.user_default.splatsmith",
        "folder": str(folder / "home"),
        "environment": str(project / ".venv"),
        "prompt": PROMPT,
        "pictures": str(pictures),
        "report": str(folder / "report.json"),
    }
    path = folder / "orders.json"
    path.write_text(json.dumps(orders), encoding="utf-8")
    return path


def _run_artist(blender: str, environment: dict[str, str], orders: Path) -> dict[str, object]:
    command = [blender, "--gpu-backend", "opengl", "--window-geometry", "0", "0", "1600", "900"]
    command += ["--python", str(ARTIST), "--", str(orders)]
    subprocess.run(command, env=environment, timeout=SECONDS)
    report = Path(json.loads(orders.read_text(encoding="utf-8"))["report"])
    return json.loads(report.read_text(encoding="utf-8"))


@contextmanager
def _virtual_display() -> Iterator[str]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    with subprocess.Popen([*command, "+extension", "GLX"], pass_fds=[writing]) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as answer:
                yield f":{answer.readline().strip()}"
        finally:
            server.terminate()
