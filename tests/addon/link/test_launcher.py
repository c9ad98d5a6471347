"""The backend's process: its errors, and what it does not import."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from blender_addon.link.client import Client
from blender_addon.link.environment import python_in
from blender_addon.link.errors import BackendFailed, FileNotWritten
from blender_addon.link.launcher import Launcher

pytestmark = pytest.mark.once


@pytest.fixture
def launcher(environment: Path, backend: Path, tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(python_in(environment), backend, tmp_path / "home", "cpu")
    yield launcher
    launcher.stop()


def test_python_files_in_the_data_directory_are_not_imported(
    launcher: Launcher, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("fastapi.py", "json.py", "splatsmith.py"):
        (home / name).write_text("raise SystemExit('imported')\n", encoding="utf-8")
    client = Client(launcher.start(Event()))
    assert client.health().protocol
    client.close()


def test_crash_is_reported_in_whole_sentences(launcher: Launcher, tmp_path: Path) -> None:
    launcher.start(Event())
    assert launcher.is_alive
    (state,) = (tmp_path / "home").glob("service-*.json")
    os.kill(json.loads(state.read_text(encoding="utf-8"))["pid"], signal.SIGKILL)
    assert launcher.has_exited()
    launcher.log_file.write_text("something happened\n", encoding="utf-8")
    assert str(launcher.exit_error()) == (
        f"The backend ended by itself (exit code {-signal.SIGKILL}). "
        "It last said: something happened. Press Start to go on."
    )
    working = "2026-11-30 11:27:02,943 worker splatsmith.extraction: 7 % of the pixels are empty"
    launcher.log_file.write_text(f"something happened\n{working}\n", encoding="utf-8")
    assert str(launcher.exit_error()) == (
        f"The backend ended by itself (exit code {-signal.SIGKILL}). Press Start to go on."
    )


def test_missing_python_is_reported(backend: Path, tmp_path: Path) -> None:
    launcher = Launcher(tmp_path / "no" / "python", backend, tmp_path / "home")
    with pytest.raises(BackendFailed, match="cannot be run"):
        launcher.start(Event())


def test_file_in_place_of_the_folder_is_reported(
    environment: Path, backend: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").touch()
    launcher = Launcher(python_in(environment), backend, tmp_path / "home")
    with pytest.raises(FileNotWritten, match="cannot be written"):
        launcher.start(Event())
