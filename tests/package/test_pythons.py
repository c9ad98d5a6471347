"""The Python that the newest Blender's tests run on is found wherever it is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import build_addon

VERSION = "{}.{}".format(*sys.version_info[:2])
WORKS = f'exec "{sys.executable}" "$@"'
FAILS = "exit 127"  # as a pyenv shim of a version that is not selected

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")


def write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `bin`, which is the whole PATH, and `pyenv`; both are empty."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


def test_python_on_the_path_is_found(machine: Path) -> None:
    python = write_program(machine / "bin" / f"python{VERSION}", WORKS)
    assert build_addon.find_python(VERSION) == str(python)


def test_python_known_to_uv_is_found(machine: Path) -> None:
    python = write_program(machine / "python", WORKS)
    write_program(machine / "bin" / "uv", f'case "$*" in *{VERSION}) echo "{python}";; esac')
    assert build_addon.find_python(VERSION) == str(python)


def test_python_of_pyenv_is_found_behind_a_shim_that_fails(machine: Path) -> None:
    write_program(machine / "bin" / f"python{VERSION}", FAILS)
    write_program(machine / "bin" / "uv", "exit 2")
    folder = machine / "pyenv" / "versions" / f"{VERSION}.1" / "bin"
    python = write_program(folder / f"python{VERSION}", WORKS)
    assert build_addon.find_python(VERSION) == str(python)


def test_python_of_another_version_is_not_taken(machine: Path) -> None:
    write_program(machine / "bin" / "python2.0", WORKS)
    assert build_addon.find_python("2.0") is None


def test_blenders_without_a_python_are_named(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_addon, "make_environment", lambda *_, **__: None)
    monkeypatch.setattr(sys, "version_info", (3, 11, 0))
    (untested,) = build_addon.make_other_blenders()
    assert "5.3" in untested
    assert "3.13" in untested
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    (untested,) = build_addon.make_other_blenders()
    assert "4.2" in untested
