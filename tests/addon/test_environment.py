"""The backend's environment: created, cancelled, recognised; by the real installer, offline."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from threading import Event, Timer

import pytest

from blender_addon.link.environment import (
    Environment,
    InstallCancelled,
    InstallFailed,
    check_python,
    python_in,
)

pytestmark = pytest.mark.once

PYTHON = Path(sys.executable)


@pytest.fixture
def locks(project: Path, tmp_path: Path) -> Path:
    """The installer with locks that pin nothing, so that nothing is downloaded."""
    folder = tmp_path / "the locks"
    folder.mkdir()
    shutil.copy(project / "backend" / "locks" / "install.py", folder)
    for lock in (project / "backend" / "locks").glob("*.txt"):
        (folder / lock.name).write_text("# torch==0 is not wanted here\n", encoding="utf-8")
    return folder


@pytest.fixture
def environment(locks: Path, tmp_path: Path) -> Environment:
    return Environment(tmp_path / "artist's files ü" / "environment", locks, "cpu")


def test_finished_environment_is_recognised(environment: Environment) -> None:
    assert not environment.is_complete
    lines: list[str] = []
    environment.install(PYTHON, lines.append, Event())
    assert environment.is_complete and lines
    assert python_in(environment.folder).exists()


def test_changed_lock_makes_it_out_of_date(environment: Environment) -> None:
    environment.install(PYTHON, lambda line: None, Event())
    for lock in environment.locks.glob("*.txt"):
        lock.write_text("# changed\n", encoding="utf-8")
    assert not environment.is_complete
    environment.install(PYTHON, lambda line: None, Event())
    assert environment.is_complete


def test_incomplete_environment_is_replaced(environment: Environment) -> None:
    environment.folder.mkdir(parents=True)
    (environment.folder / "leftover").touch()
    assert not environment.is_complete
    environment.install(PYTHON, lambda line: None, Event())
    assert environment.is_complete
    assert not (environment.folder / "leftover").exists()


def test_cancelled_installation_leaves_nothing(environment: Environment) -> None:
    cancelled = Event()
    Timer(0.3, cancelled.set).start()
    with pytest.raises(InstallCancelled):
        environment.install(PYTHON, lambda line: None, cancelled)
    assert not environment.folder.exists()


def test_failed_installation_says_why_and_leaves_nothing(environment: Environment) -> None:
    for lock in environment.locks.glob("*.txt"):
        lock.write_text("not a requirement !\n", encoding="utf-8")
    (environment.locks / "install.py").write_text(
        "print('The disk is full.')\nprint('Make room.')\nraise SystemExit(1)\n", encoding="utf-8"
    )
    with pytest.raises(InstallFailed, match="The disk is full. Make room."):
        environment.install(PYTHON, lambda line: None, Event())
    assert not environment.folder.exists()


@pytest.mark.parametrize("python", ["no/such/python", __file__])
def test_unfit_python_is_refused(python: str) -> None:
    with pytest.raises(InstallFailed, match="cannot be run"):
        check_python(Path(python))
