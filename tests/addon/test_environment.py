"""The backend's environment: created, cancelled, recognised; by the real installer, offline."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
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


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the interpreter")
@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_python_without_venv_is_told_what_to_install(module: str, tmp_path: Path) -> None:
    """As Debian's, where python3-venv is a package of its own."""
    python = tmp_path / "python"
    without = f"import sys; sys.modules[{module!r}] = None"
    text = f'#!/bin/sh\nexec "{PYTHON}" -I -c "{without}\n$3"\n'
    python.write_text(text, encoding="utf-8")
    python.chmod(0o755)
    with pytest.raises(InstallFailed, match="apt install python3-venv"):
        check_python(python)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one lock")
@pytest.mark.parametrize(
    ("accelerator", "driver", "title"),
    [
        ("auto", False, "for the processor"),
        ("auto", True, "for an NVIDIA GPU"),
        ("cpu", True, "for the processor"),
        ("cuda", False, "for an NVIDIA GPU"),
    ],
)
def test_what_is_announced_is_the_lock_that_is_asked_for(
    accelerator: str,
    driver: bool,
    title: str,
    environment: Environment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    if driver:
        (tools / "nvidia-smi").write_text("#!/bin/sh\n", encoding="utf-8")
        (tools / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    chosen = replace(environment, accelerator=accelerator)
    assert chosen.build == chosen.planned_build.title == title


def test_pytorchs_cpu_build_or_nothing(
    environment: Environment, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be fetched, the build with CUDA, of 7 GB, does not take its place."""
    pinned = f"torch==2.13.0 \\\n    --hash=sha256:{'0' * 64}\n"
    for lock in locks.glob("linux-*.txt"):
        lock.write_text(pinned, encoding="utf-8")
    (locks / "no wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(locks / "no wheels"))
    with pytest.raises(InstallFailed, match=r"cannot be fetched from download.pytorch.org.*7 GB"):
        environment.install(PYTHON, lambda line: None, Event())
    assert not environment.folder.exists()


@pytest.mark.parametrize("python", ["no/such/python", __file__])
def test_unfit_python_is_refused(python: str) -> None:
    with pytest.raises(InstallFailed, match="cannot be run"):
        check_python(Path(python))
