"""Installations: of two Blenders at once, and the first generation at their end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

import pytest

from blender_addon.link.backend import Backend
from blender_addon.link.environment import InstallCancelled, InstallFailed, python_in
from blender_addon.link.installation_lock import WAITING, installation_lock
from blender_addon.link.settings import BackendSettings
from blender_addon.link.trial_generation import MESSAGE, run_trial_generation

pytestmark = pytest.mark.once

HOLDER = """
import sys
from pathlib import Path
from threading import Event
sys.path.insert(0, sys.argv[1])
from blender_addon.link.installation_lock import installation_lock
with installation_lock(Path(sys.argv[2]), print, Event()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_blender_waits_for_the_first_ones_installation(
    project: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", HOLDER, str(project), str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []
        Timer(0.5, holder.stdin.close).start()
        with installation_lock(tmp_path, said.append, Event()):
            assert set(said) == {WAITING}


def test_waiting_for_another_installation_can_be_cancelled(project: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(project), str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        cancelled = Event()
        cancelled.set()
        with pytest.raises(InstallCancelled), installation_lock(tmp_path, print, cancelled):
            pass
        holder.stdin.close()


def test_what_another_blender_installed_meanwhile_is_kept(project: Path, tmp_path: Path) -> None:
    """Two Blenders that saw nothing installed install it once."""
    backend = tmp_path / "backend"
    shutil.copytree(project / "backend" / "locks", backend / "locks")
    for lock in (backend / "locks").glob("*.txt"):
        lock.write_text("# nothing\n", encoding="utf-8")
    installed = Backend(BackendSettings(tmp_path / "home", backend, Path(sys.executable)))
    said: list[str] = []
    with pytest.raises(InstallFailed, match="installed, but its first generation failed"):
        installed.install(said.append, Event())  # the backend's folder has no package
    assert said[-1] == MESSAGE and installed.is_installed
    said.clear()
    Backend(installed.settings).install(said.append, Event())
    assert said == []


@pytest.mark.timeout(900)  # it compiles what installations compile
def test_trial_generation_runs_every_stage(environment: Path, project: Path) -> None:
    said: list[str] = []
    python = python_in(environment)
    run_trial_generation(python, project / "backend", "cpu", said.append, Event())
    assert said == [MESSAGE]


def test_trial_generation_says_what_failed(environment: Path, project: Path) -> None:
    python = python_in(environment)
    with pytest.raises(InstallFailed, match="first generation failed.*unheard-of"):
        run_trial_generation(python, project / "backend", "unheard-of", lambda _: None, Event())


def test_trial_generation_can_be_cancelled(environment: Path, project: Path) -> None:
    cancelled = Event()
    Timer(0.3, cancelled.set).start()
    python = python_in(environment)
    with pytest.raises(InstallCancelled):
        run_trial_generation(python, project / "backend", "cpu", lambda _: None, cancelled)
