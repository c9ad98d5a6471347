"""Environments that backend/locks/install.py makes, from a lock and a wheel made here."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

WHEEL = "pebble-1.0-py3-none-any.whl"
NOTHING: Mapping[str, str] = MappingProxyType({})
METADATA = "Metadata-Version: 2.1\nName: pebble\nVersion: 1.0\n"
TAGS = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def locks(tmp_path: Path, project: Path) -> Path:
    """A copy of the installer with a lock `pebble` and the wheel that it pins."""
    folder = tmp_path / "locks"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("pebble.py", "SIZE = 1\n")
        wheel.writestr("pebble-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("pebble-1.0.dist-info/WHEEL", TAGS)
        wheel.writestr("pebble-1.0.dist-info/RECORD", "")
    source = (project / "backend/locks/install.py").read_text("utf-8")
    source = source.replace("SECONDS_BETWEEN_ATTEMPTS = 5", "SECONDS_BETWEEN_ATTEMPTS = 0")
    (folder / "install.py").write_text(source, encoding="utf-8")
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    write_lock(folder, digest)
    return folder


def write_lock(folder: Path, digest: str) -> None:
    lock = f"pebble==1.0 \\\n    --hash=sha256:{digest}\n"
    (folder / "pebble.txt").write_text(lock, encoding="utf-8")


def run_install(
    locks: Path,
    environment: Path,
    cwd: Path | None = None,
    variables: Mapping[str, str] = NOTHING,
) -> subprocess.CompletedProcess[str]:
    isolation = ["-I"] if variables else []  # as the add-on starts it
    command = [sys.executable, *isolation, str(locks / "install.py"), str(environment), "pebble"]
    source = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(locks)}
    all_variables = {**os.environ, **source, **variables}
    return subprocess.run(command, text=True, capture_output=True, env=all_variables, cwd=cwd)


def imports_pebble(environment: Path) -> bool:
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return subprocess.run([str(python), "-I", "-c", "import pebble"]).returncode == 0


def test_environment_holds_what_the_lock_pins(locks: Path, tmp_path: Path) -> None:
    environment = tmp_path / "made here ü"
    result = run_install(locks, environment)
    assert result.returncode == 0, result.stderr
    assert "[1/1] pebble 1.0" in result.stdout
    assert imports_pebble(environment)


def test_variables_lead_nothing_out_of_the_environment(locks: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "constraints.txt").write_text("pebble==2\n", encoding="utf-8")
    for name in ("pip.py", "venv.py"):
        (elsewhere / name).write_text("raise SystemExit('imported')\n", encoding="utf-8")
    before = sorted(elsewhere.iterdir())
    folders = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    result = run_install(
        locks,
        tmp_path / "environment",
        variables={
            **dict.fromkeys(folders, str(elsewhere)),
            **dict.fromkeys(("PIP_USER", "PIP_DRY_RUN"), "1"),
            "PIP_NO_BINARY": ":all:",
            "PIP_CONSTRAINT": str(elsewhere / "constraints.txt"),
            "PIP_REPORT": str(elsewhere / "report.json"),
        },
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert imports_pebble(tmp_path / "environment")
    assert sorted(elsewhere.iterdir()) == before


def test_of_pips_settings_only_those_of_the_source_count(locks: Path, tmp_path: Path) -> None:
    settings, target = tmp_path / "pip.conf", tmp_path / "target"
    settings.write_text(
        f"[global]\nuser = true\nfind-links = /nowhere\n"
        f"[install]\ntarget = {target}\nno-index = true\nfind-links =\n  {tmp_path}\n  {locks}\n",
        encoding="utf-8",
    )
    source = {"PIP_CONFIG_FILE": str(settings), "PIP_FIND_LINKS": "", "PIP_NO_INDEX": ""}
    result = run_install(locks, tmp_path / "environment", variables=source)
    assert result.returncode == 0, result.stdout + result.stderr
    assert imports_pebble(tmp_path / "environment") and not target.exists()


def test_what_cannot_be_imported_is_not_installed(locks: Path, tmp_path: Path) -> None:
    source = (locks / "install.py").read_text("utf-8")
    source = source.replace("TRIED_MODULES = {", 'TRIED_MODULES = {\n    "pebble": "pebble.core",')
    (locks / "install.py").write_text(source, encoding="utf-8")
    result = run_install(locks, tmp_path / "environment")
    assert result.returncode == 1
    assert "cannot be used: ModuleNotFoundError: No module named 'pebble.core'" in result.stderr
    assert not (tmp_path / "environment" / "installed-locks.txt").exists()


def test_python_files_in_the_working_folder_are_not_imported(locks: Path, tmp_path: Path) -> None:
    for name in ("venv.py", "pip.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')\n", encoding="utf-8")
    result = run_install(locks, tmp_path / "environment", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_a_changed_lock_makes_the_environment_anew(locks: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run_install(locks, environment)
    trace = environment / "trace"
    trace.touch()
    assert run_install(locks, environment).stdout == ""
    with (locks / "pebble.txt").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    assert run_install(locks, environment).returncode == 0
    assert not trace.exists()


def test_wheel_with_another_hash_is_refused(locks: Path, tmp_path: Path) -> None:
    write_lock(locks, "0" * 64)
    environment = tmp_path / "environment"
    for _ in range(2):
        result = run_install(locks, environment)
        assert result.returncode == 1
        assert "could not be installed" in result.stderr
        assert "try again" in result.stderr
